-- Locks the active webhooks that are after $1 and before $2 in the feed, except those that another
-- instance has locked and those with $3 pending deliveries.
select id, events, user_id, position
from operations.webhook
where state = 'active' and position >= $1 and position < $2
  and (select count(*)
       from (select 1 from operations.webhook_delivery as delivery
             where delivery.webhook_id = webhook.id and delivery.state = 'pending'
             limit $3) as pending) < $3
order by id
for update skip locked
