-- Writes the results of attempts, unless a later attempt has begun.
update operations.webhook_delivery as delivery
set state = result.state, next_at = now() + result.wait, attempted_at = now(), status = result.status,
    error = result.error, finished_at = case when result.state <> 'pending' then now() end
from unnest($1::uuid[], $2::integer[], $3::text[], $4::interval[], $5::integer[], $6::text[])
    as result (id, attempts, state, wait, status, error)
where delivery.id = result.id and delivery.state = 'pending' and delivery.attempts = result.attempts
