-- Facts about the state of a view that its readers should know. See src/halted.rs and src/rebuild/announce.rs.

-- Partitions that a follower has halted. A row counts until the checkpoint has passed the record, or a follower has started
-- the partition again although the log was at fault.
create table halted_partition (
    view          text        not null,
    version       integer     not null,
    topic         text        not null,
    partition     integer     not null,
    -- The record before which the partition is halted.
    record_offset bigint      not null,
    -- Partition sequence of the last event that was applied.
    sequence      bigint      not null,
    -- record: it cannot be handled. log: records were deleted or lost, or the topic was recreated.
    fault         text        not null check (fault in ('record', 'log')),
    reason        text        not null,
    since         timestamptz not null default now(),
    primary key (view, version, topic, partition),
    foreign key (view, version, topic, partition) references checkpoint on delete cascade
);

-- Views of which rows are filled beside those that readers see. The process that fills them repeats seen_at; a row that it
-- has not repeated for half a minute does not count.
create table rebuilding (
    view    text        primary key,
    since   timestamptz not null default now(),
    seen_at timestamptz not null default now()
);
