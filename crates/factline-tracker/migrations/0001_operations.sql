-- What became of every command. Only this service writes here; its role owns the schema.

create table operation (
    id          uuid primary key,
    state       text not null check (state in
                    ('pending', 'running', 'completed', 'rejected', 'failed', 'timed_out', 'cancelled')),
    -- 0 pending, 1 running, 2 terminal: what a record says is replaced only by one of a higher rank ...
    rank        smallint not null check (rank between 0 and 2),
    -- ... or by one of the same rank that stands lower. Compared byte by byte, as the service does.
    topic       text collate "C" not null,
    partition   integer not null,
    "offset"    bigint not null,
    name        text not null,
    aggregate   text not null,
    resource_id text,
    code        text,
    reason      text,
    user_id     text not null,
    version     bigint,
    position    text,
    parent      uuid,
    root        uuid,
    retry_of    uuid,
    -- The least origin time that any record gave.
    created_at  timestamptz not null,
    -- When the record was written that said what the row says.
    updated_at  timestamptz not null
);

-- Terminal outcomes that came second: each is a broken promise of a handler, kept for whoever looks into it.
create table anomaly (
    topic        text collate "C" not null,
    partition    integer not null,
    "offset"     bigint not null,
    operation_id uuid not null,
    state        text not null,
    name         text not null,
    code         text,
    reason       text,
    version      bigint,
    position     text,
    noticed_at   timestamptz not null default now(),
    primary key (topic, partition, "offset")
);

create index on anomaly (operation_id);
