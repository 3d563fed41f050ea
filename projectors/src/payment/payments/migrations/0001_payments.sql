create table payments (
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
