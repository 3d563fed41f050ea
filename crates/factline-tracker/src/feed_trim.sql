-- Deletes changes from before $1, the oldest first, at most $2. The newest one stays: its number says
-- how far the feed has come.
delete from operations.feed
where number in (select number from operations.feed order by number limit $2)
  and at < $1
  and number < (select max(number) from operations.feed)
