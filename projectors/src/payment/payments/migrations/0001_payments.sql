create table payments_v1.payments (
    payment_id  uuid        primary key,
    reference   text        not null,
    state       text        not null,
    -- What was asked for, if it was.
    amount      bigint,
    currency    text,
    method      text,
    -- Why it was declined.
    code        text,
    -- Why it was called off.
    reason      text,
    -- What the provider took: [{"provider_reference", "amount", "state", "code", "reason"}].
    charges     jsonb       not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    -- The aggregate's.
    version     bigint      not null
);

-- The stable names that readers use: the live version's rows and its checkpoints, always switched together.
create schema if not exists read;
create view read.payments as
    select payment_id, reference, state, amount, currency, method, code, reason, charges, created_at, updated_at,
           version
    from payments_v1.payments;
create view read.payments_checkpoint as
    select topic, partition, topic_identity, sequence, event_time
    from factline.checkpoint
    where view = 'payments' and version = 1;
