-- Returns deliveries of a webhook, the newest first.
select id, number, rank, operation_id, event, at, state, attempts, next_at, attempted_at, status, error,
       finished_at
from operations.webhook_delivery
where webhook_id = $1
  and ($2::text is null or state = $2)
  and ($3::bigint is null or (number, rank) < ($3, $4))
order by number desc, rank desc
limit $5
