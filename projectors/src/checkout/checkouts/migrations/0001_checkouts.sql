create table checkouts (
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
