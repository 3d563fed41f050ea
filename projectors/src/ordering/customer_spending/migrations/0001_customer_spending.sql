create table customer_spending_v1.customer_spending (
    customer_id      text    not null,
    currency         text    not null,
    -- A customer's orders are spread over partitions: each has a row of its own, and readers add them up.
    source_partition integer not null,
    orders           bigint  not null,
    -- Sums of 64-bit numbers do not fit into 64 bits.
    units            numeric not null,
    total            numeric not null,
    primary key (customer_id, currency, source_partition)
);

-- The stable names that readers use: the live version's rows, merged, and its checkpoints, always switched together.
create schema if not exists read;
create view read.customer_spending as
    select customer_id, currency, sum(orders)::bigint as orders, sum(units) as units, sum(total) as total
    from customer_spending_v1.customer_spending
    group by customer_id, currency;
create view read.customer_spending_checkpoint as
    select topic, partition, topic_identity, sequence, event_time
    from factline.checkpoint
    where view = 'customer-spending' and version = 1;
