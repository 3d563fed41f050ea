-- Keys that a follower has parked: one of their records could not be applied, and the later ones wait behind it. See src/parked.rs.

-- Number of redrives and discards that were executed. A follower compares it with next_offset: one that does not know of a
-- redrive does not know which keys are parked.
alter table checkpoint add column redrives bigint not null default 0;

create table parked_key (
    view          text        not null,
    version       integer     not null,
    topic         text        not null,
    partition     integer     not null,
    -- Key of the records: the id of the aggregate.
    key           text        not null,
    -- The first parked record, and why it could not be applied.
    record_offset bigint      not null,
    sequence      bigint      not null,
    event_time    timestamptz not null,
    cause         text        not null,
    records       bigint      not null,
    parked_at     timestamptz not null default now(),
    primary key (view, version, topic, partition, key),
    -- A view that is filled again has nothing parked.
    foreign key (view, version, topic, partition) references checkpoint on delete cascade
);

create table parked_record (
    view          text        not null,
    version       integer     not null,
    topic         text        not null,
    partition     integer     not null,
    key           text        not null,
    record_offset bigint      not null,
    sequence      bigint      not null,
    event_time    timestamptz not null,
    header_names  text[]      not null,
    header_values bytea[]     not null,
    value         bytea,
    primary key (view, version, topic, partition, key, record_offset),
    foreign key (view, version, topic, partition, key) references parked_key on delete cascade
);

-- Requests of operators. The follower that has the partition does it, and writes the result. Rows are never deleted.
create table parked_request (
    id            bigint      generated always as identity primary key,
    view          text        not null,
    version       integer     not null,
    topic         text        not null,
    partition     integer     not null,
    key           text        not null,
    -- The first parked record, as the operator saw it.
    record_offset bigint      not null,
    -- redrive: apply the records. discard: drop the first record and apply the others. discard-all: drop all of them.
    action        text        not null check (action in ('redrive', 'discard', 'discard-all')),
    actor         text        not null,
    note          text,
    requested_at  timestamptz not null default now(),
    -- Why the first record could not be applied before.
    cause         text        not null,
    applied       bigint      not null default 0,
    discarded     bigint      not null default 0,
    done_at       timestamptz,
    -- Why the key is still parked; null if it is not.
    failure       text
);
create unique index on parked_request (view, version, topic, partition, key) where done_at is null;
