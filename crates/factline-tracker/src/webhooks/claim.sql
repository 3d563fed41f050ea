-- Takes deliveries that are due, for $6. A webhook has room for $1 attempts in an instance, or for $2
-- while it fails; $3 and $4 are the attempts that are under way. All webhooks together have room for $5.
with room as (
    select webhook.id, webhook.url, webhook.secret,
           case when webhook.old_secret_until > now() then webhook.old_secret end as old_secret,
           greatest(case when failing_since is null then $1 else $2 end - coalesce(busy.count, 0), 0) as count
    from operations.webhook
    left join unnest($3::uuid[], $4::integer[]) as busy (id, count) on busy.id = webhook.id
    where webhook.state = 'active' and (webhook.paused_until is null or webhook.paused_until <= now())
),
due as materialized (
    select due.id, room.url, room.secret, room.old_secret
    from room
    cross join lateral (
        select delivery.id, delivery.next_at
        from operations.webhook_delivery as delivery
        where delivery.webhook_id = room.id and delivery.state = 'pending' and delivery.next_at <= now()
        order by delivery.next_at, delivery.number, delivery.rank
        limit least(room.count, $5)
        for update skip locked) as due
    order by due.next_at
    limit $5
)
update operations.webhook_delivery as delivery
set next_at = now() + $6, attempts = attempts + 1, tries = tries + 1
from due
where delivery.id = due.id
returning delivery.id, delivery.webhook_id, delivery.number, delivery.rank, delivery.attempts,
          delivery.tries, delivery.at, delivery.body, due.url, due.secret, due.old_secret
