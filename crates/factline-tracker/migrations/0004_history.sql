-- The history of an operation, and a feed of changes for those who wait.

-- When it became pending and running, and by which record of its aggregate's topics. They are null
-- until that record has been read.
alter table operation
    add column pending_partition integer,
    add column pending_offset    bigint,
    add column pending_at        timestamptz,
    add column running_partition integer,
    add column running_offset    bigint,
    add column running_at        timestamptz,
    -- When the command is no longer wanted; null without a time to live.
    add column expires_at        timestamptz;

-- Each change of a state, in the order of the commits. Processes read it to wake those who wait, and
-- to resume streams.
create table feed (
    -- Given out under a lock that is held until the commit, so a lower number is never visible later.
    number       bigint generated always as identity primary key,
    operation_id uuid not null,
    -- The rank before, -1 if the row is new, and the rank after.
    from_rank    smallint not null,
    to_rank      smallint not null,
    at           timestamptz not null default now()
);
