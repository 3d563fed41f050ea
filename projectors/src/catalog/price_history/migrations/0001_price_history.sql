create table price_history (
    product_id uuid        not null,
    -- The product's version that brought the price.
    version    bigint      not null,
    amount     bigint      not null,
    currency   text        not null,
    since      timestamptz not null,
    primary key (product_id, version)
);
