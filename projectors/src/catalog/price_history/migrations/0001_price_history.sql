create table price_history_v1.price_history (
    product_id uuid        not null,
    -- The product's version that brought the price.
    version    bigint      not null,
    amount     bigint      not null,
    currency   text        not null,
    since      timestamptz not null,
    primary key (product_id, version)
);

-- The stable names that readers use: the live version's rows and its checkpoints, always switched together.
create schema if not exists read;
create view read.price_history as
    select product_id, version, amount, currency, since
    from price_history_v1.price_history;
create view read.price_history_checkpoint as
    select topic, partition, topic_identity, sequence, event_time
    from factline.checkpoint
    where view = 'price-history' and version = 1;
