-- Locks the active webhooks that are after $1 and before $2 in the feed, except those that another
-- instance has locked and those of $3.
select id, events, user_id, position
from operations.webhook
where state = 'active' and position >= $1 and position < $2 and id <> all($3)
order by id
for update skip locked
