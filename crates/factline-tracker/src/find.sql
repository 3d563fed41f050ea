-- Returns the asked operations, each followed by the operations that its root led to, oldest first.
-- An operation without a root is its own root. The asked ones have the operations that repeat them
-- and the number of their attempt.
with asked as materialized (
    select id, kind, name, state, rank, topic, partition, "offset", aggregate, resource_id, code, reason, user_id,
           version, position, parent, root, retry_of, expires_at, created_at, updated_at,
           pending_partition, pending_offset, pending_at, running_partition, running_offset, running_at
    from operations.operation
    where id = any($1)
)
select id, kind, name, state, rank, topic, partition, "offset", aggregate, resource_id, code, reason, user_id,
       version, position, parent, root, retry_of, expires_at, created_at, updated_at,
       pending_partition, pending_offset, pending_at, running_partition, running_offset, running_at,
       id as asked, 0 as part,
       array(select retry.id from operations.operation as retry
             where retry.retry_of = asked.id and retry.retry_of is not null
             order by retry.created_at, retry.id) as retries,
       case when retry_of is null then 1 else (
           -- The limit is for rows that repeat each other, which no handler writes.
           with recursive tried (retry_of, number) as (
               select asked.retry_of, 1::bigint
               union all
               select earlier.retry_of, tried.number + 1
               from tried join operations.operation as earlier on earlier.id = tried.retry_of
               where tried.number < 1000)
           select count(*) + 1 from tried where tried.retry_of is not null)
       end as attempt
from asked
union all
select related.*, asked.id as asked, 1 as part, null::uuid[] as retries, null::bigint as attempt
from asked, lateral (
    select id, kind, name, state, rank, topic, partition, "offset", aggregate, resource_id, code, reason, user_id,
           version, position, parent, root, retry_of, expires_at, created_at, updated_at,
           pending_partition, pending_offset, pending_at, running_partition, running_offset, running_at
    from operations.operation
    where root = coalesce(asked.root, asked.id)
    order by created_at, id
    limit $2) as related
order by asked, part, created_at, id
