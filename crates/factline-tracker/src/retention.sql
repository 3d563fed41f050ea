-- Deletes operations that ended before $1, the oldest first, at most $2. It waits for no row that
-- another transaction writes: the next batch has it.
delete from operations.operation
where id in (
    select id
    from operations.operation
    where rank = 2 and updated_at < $1
    order by updated_at
    limit $2
    for update skip locked)
