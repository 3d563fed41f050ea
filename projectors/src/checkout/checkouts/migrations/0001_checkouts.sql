create table checkouts_v1.checkouts (
    checkout_id  uuid        primary key,
    customer_id  text        not null,
    state        text        not null,
    order_id     uuid        not null,
    payment_id   uuid        not null,
    -- Once the order is placed.
    total_amount bigint,
    currency     text,
    -- What it comes to grief by.
    code         text,
    reason       text,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    -- The aggregate's.
    version      bigint      not null
);

-- The stable names that readers use: the live version's rows and its checkpoints, always switched together.
create schema if not exists read;
create view read.checkouts as
    select checkout_id, customer_id, state, order_id, payment_id, total_amount, currency, code, reason, created_at,
           updated_at, version
    from checkouts_v1.checkouts;
create view read.checkouts_checkpoint as
    select topic, partition, topic_identity, sequence, event_time
    from factline.checkpoint
    where view = 'checkouts' and version = 1;
