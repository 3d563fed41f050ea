create table orders (
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
    -- For readers: an order taken elsewhere was not placed here.
    placed_at     timestamptz generated always as (case when source is null then ordered_at end) stored,
    updated_at    timestamptz not null,
    cancel_reason text,
    -- The aggregate's.
    version       bigint      not null
);
-- Newest first, for keyset paging: of one customer (who has few in each state), of one state, of all.
create index orders_by_customer on orders (customer_id, ordered_at desc, order_id desc);
create index orders_by_state on orders (state, ordered_at desc, order_id desc);
create index orders_by_time on orders (ordered_at desc, order_id desc);
