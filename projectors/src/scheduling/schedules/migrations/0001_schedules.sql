create table schedules (
    schedule_id          uuid        primary key,
    state                text        not null,
    -- The rule: one instant, or a cron expression.
    at                   timestamptz,
    cron                 text,
    time_zone            text        not null,
    until                timestamptz,
    missed               text        not null,
    missed_after_seconds int         not null,
    command              text        not null,
    -- Null if each occurrence has an aggregate of its own.
    target_id            text,
    created_by           text        not null,
    next_at              timestamptz,
    last_at              timestamptz,
    last_lateness_ms     bigint,
    last_operation       uuid,
    runs                 bigint      not null,
    skipped              bigint      not null,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    -- The aggregate's.
    version              bigint      not null
);
-- Newest first, for keyset paging: of one state, of all.
create index schedules_by_state on schedules (state, created_at desc, schedule_id desc);
create index schedules_by_time on schedules (created_at desc, schedule_id desc);
