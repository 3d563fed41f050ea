//! Schedules: one by its id, and lists by state, newest first.

use chrono::{DateTime, Utc};
use factline_postgres::Columns;
use factline_read::{Filter, Id, Resource, Rows, Sort, desc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

const ROWS: Rows = Rows::of::<Schedule>("schedules");

pub(crate) const RESOURCE: Resource = Resource::new("schedule")
    .items(&[ROWS.item("/schedules/{id}", Id::uuid("schedule_id").of_aggregate())])
    .lists(&[ROWS
        .list("/schedules", &[NEWEST_FIRST])
        .filters(&[Filter::one_of("state", "state", &STATES)])
        .summary("Schedules, newest first")]);

const NEWEST_FIRST: Sort = Sort::by(
    "-created_at",
    &[desc("created_at"), desc("schedule_id")],
    &["schedules_by_time", "schedules_by_state"],
);

const STATES: [&str; 3] = ["active", "paused", "finished"];

/// A schedule.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct Schedule {
    schedule_id: Uuid,
    state: String,
    /// The only instant of the rule; null if it is a cron expression.
    at: Option<DateTime<Utc>>,
    cron: Option<String>,
    time_zone: String,
    until: Option<DateTime<Utc>>,
    missed: String,
    missed_after_seconds: i32,
    /// The record of the command that each occurrence sends.
    command: String,
    /// The resource that the command is about; null if each occurrence has its own.
    target_id: Option<String>,
    created_by: String,
    /// Null if the schedule is paused or finished.
    next_at: Option<DateTime<Utc>>,
    /// The last occurrence that ran.
    last_at: Option<DateTime<Utc>>,
    /// The milliseconds by which that occurrence was decided late.
    last_lateness_ms: Option<i64>,
    /// The operation of the command that was sent last, for an occurrence or at request.
    last_operation: Option<Uuid>,
    /// Number of the commands that were sent.
    runs: i64,
    /// Number of the occurrences that were missed and left out.
    skipped: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}
