create table customer_spending (
    customer_id text    not null,
    currency    text    not null,
    orders      bigint  not null,
    -- Sums of 64-bit numbers do not fit into 64 bits.
    units       numeric not null,
    total       numeric not null,
    primary key (customer_id, currency)
);
-- The highest totals of a currency first, for keyset paging.
create index customer_spending_by_total on customer_spending (currency, total desc, customer_id desc);
