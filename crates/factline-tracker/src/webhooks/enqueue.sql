-- Writes deliveries, which are due at once.
insert into operations.webhook_delivery
    (id, webhook_id, number, rank, operation_id, event, at, body, state)
select event.*, 'pending'
from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::smallint[], $5::uuid[], $6::text[],
            $7::timestamptz[], $8::text[]) as event
on conflict do nothing
