create table orders_v1.orders (
    order_id      uuid        primary key,
    customer_id   text        not null,
    state         text        not null,
    -- As they were when the order was placed; empty for an order taken elsewhere.
    lines         jsonb       not null,
    units         bigint      not null,
    total_amount  bigint      not null,
    currency      text        not null,
    -- Where an order taken elsewhere stands there.
    source        text,
    ordered_on    date        not null,
    -- Lists go by it.
    ordered_at    timestamptz not null,
    updated_at    timestamptz not null,
    cancel_reason text,
    -- The aggregate's.
    version       bigint      not null
);
-- Newest first, for keyset paging: of one customer (who has few in each state), of one state, of all.
create index orders_by_customer on orders_v1.orders (customer_id, ordered_at desc, order_id desc);
create index orders_by_state on orders_v1.orders (state, ordered_at desc, order_id desc);
create index orders_by_time on orders_v1.orders (ordered_at desc, order_id desc);

-- The stable names that readers use: the live version's rows and its checkpoints, always switched together.
create schema if not exists read;
create view read.orders as
    select order_id, customer_id, state, lines, units, total_amount, currency, source, ordered_on, ordered_at,
           case when source is null then ordered_at end as placed_at, updated_at, cancel_reason, version
    from orders_v1.orders;
create view read.orders_checkpoint as
    select topic, partition, topic_identity, sequence, event_time
    from factline.checkpoint
    where view = 'orders' and version = 1;
