-- Returns the changes after a number with their operations. An operation that was deleted since is
-- left out before the limit is applied: a page that is not full is the last one.
select feed.number, feed.from_rank, feed.to_rank,
       id, kind, name, state, rank, topic, partition, "offset", aggregate, resource_id, code, reason, user_id,
       version, position, parent, root, retry_of, expires_at, created_at, updated_at,
       pending_partition, pending_offset, pending_at, running_partition, running_offset, running_at
from operations.feed
join operations.operation on id = feed.operation_id
where feed.number > $1
order by feed.number
limit $2
