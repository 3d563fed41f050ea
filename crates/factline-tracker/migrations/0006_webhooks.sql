-- Webhooks: where changes of operations are sent, and what is still to be sent.

create table webhook (
    id               uuid primary key,
    url              text not null,
    -- The names of the events that it wants.
    events           text[] not null,
    -- Only operations of this user; null for all.
    user_id          text,
    -- A deleted one is kept until its deliveries are deleted, too.
    state            text not null check (state in ('unverified', 'active', 'disabled', 'deleted')),
    -- What disabled it, and when.
    reason           text check (reason in ('gone', 'failing')),
    disabled_at      timestamptz,
    -- The key of the signatures. The one before signs beside it for a time.
    secret           bytea not null,
    old_secret       bytea,
    old_secret_until timestamptz,
    -- The number in the feed up to which its deliveries are written.
    position         bigint not null default 0,
    -- Set if changes before this time were deleted from the feed before their deliveries were written.
    lost_before      timestamptz,
    -- The first failure after the last success.
    failing_since    timestamptz,
    -- The time before which its receiver wants nothing (`Retry-After`).
    paused_until     timestamptz,
    challenged_at    timestamptz,
    created_at       timestamptz not null default now()
);

create index on webhook (created_at, id);
create index on webhook (user_id, created_at, id) where user_id is not null;

-- One event for one webhook.
create table webhook_delivery (
    -- The value of `webhook-id`. It derives from the webhook, the operation and the state.
    id           uuid primary key,
    webhook_id   uuid not null,
    -- The change in the feed, and the state that it led to.
    number       bigint not null,
    rank         smallint not null,
    operation_id uuid not null,
    event        text not null,
    -- The time of the state.
    at           timestamptz not null,
    body         text not null,
    state        text not null check (state in ('pending', 'delivered', 'dead')),
    -- The attempts so far, and those of the present schedule.
    attempts     integer not null default 0,
    tries        integer not null default 0,
    -- The time of the next attempt. While one is under way, it is the time at which that one is given up.
    next_at      timestamptz not null default clock_timestamp(),
    -- The result of the last attempt.
    attempted_at timestamptz,
    status       integer,
    error        text,
    finished_at  timestamptz,
    created_at   timestamptz not null default now(),
    unique (webhook_id, number, rank)
);

create index on webhook_delivery (webhook_id, next_at, number, rank) where state = 'pending';
create index on webhook_delivery (next_at) where state = 'pending';
create index on webhook_delivery (webhook_id, number, rank) where state = 'dead';
create index on webhook_delivery (finished_at) where state = 'delivered';
create index on webhook_delivery (created_at);
