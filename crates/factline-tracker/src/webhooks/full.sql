-- Returns the active webhooks that have $1 pending deliveries.
select id
from operations.webhook
where state = 'active'
  and (select count(*)
       from (select 1 from operations.webhook_delivery as delivery
             where delivery.webhook_id = webhook.id and delivery.state = 'pending'
             limit $1) as pending) >= $1
