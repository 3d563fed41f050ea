-- How far each follower has come in each partition. Unqualified: the owner's schema is the search path, see src/migration.rs.
create table checkpoint (
    view           text        not null,
    version        integer     not null,
    topic          text        not null,
    partition      integer     not null,
    -- Which topic of this name it was: one made anew has another identity.
    topic_identity text        not null,
    -- Offset of the next record to read. Offsets have gaps, so it counts nothing.
    next_offset    bigint      not null,
    -- Partition sequence of the last event applied; 0 before the first, and always for topics without sequences.
    sequence       bigint      not null,
    -- Timestamp of the last record applied.
    event_time     timestamptz,
    updated_at     timestamptz not null default now(),
    primary key (view, version, topic, partition)
);
