-- Returns the changes after a number with their operations. An operation that was deleted since is
-- left out.
select feed.number, feed.from_rank, feed.to_rank,
       id, kind, name, state, rank, topic, partition, "offset", aggregate, resource_id, code, reason, user_id,
       version, position, parent, root, retry_of, expires_at, created_at, updated_at,
       pending_partition, pending_offset, pending_at, running_partition, running_offset, running_at
from (select number, operation_id, from_rank, to_rank
      from operations.feed where number > $1 order by number limit $2) as feed
join operations.operation on id = feed.operation_id
order by feed.number
