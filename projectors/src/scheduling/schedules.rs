//! The view `schedules`: the schedules that exist, each with its next and its last occurrence.

use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use factline_postgres::{Columns, Migrations, TextEnum, View};
use factline_schedule::schedule::{self, Event};
use factline_schedule::{MissedPolicy, ScheduleCreated};
use uuid::Uuid;

/// The view.
#[derive(Debug)]
pub struct Schedules;

/// One schedule.
#[derive(Debug, Clone, PartialEq, Columns)]
pub struct Schedule {
    /// Its state.
    pub state: State,
    /// The only instant of its rule.
    pub at: Option<DateTime<Utc>>,
    /// The cron expression of its rule.
    pub cron: Option<String>,
    /// The time zone of the cron expression.
    pub time_zone: String,
    /// The last instant that may occur.
    pub until: Option<DateTime<Utc>>,
    /// The treatment of missed occurrences.
    pub missed: Missed,
    /// The seconds after which an undecided occurrence is missed.
    pub missed_after_seconds: i32,
    /// The record of its command.
    pub command: String,
    /// The aggregate that the command is addressed to; none if each occurrence has its own.
    pub target_id: Option<String>,
    /// The actor on whose behalf the command is sent.
    pub created_by: String,
    /// The next occurrence, unless it is paused or finished.
    pub next_at: Option<DateTime<Utc>>,
    /// The last occurrence that ran.
    pub last_at: Option<DateTime<Utc>>,
    /// The milliseconds by which that occurrence was decided late.
    pub last_lateness_ms: Option<i64>,
    /// The operation of the command that was sent last, for an occurrence or at request.
    pub last_operation: Option<Uuid>,
    /// Number of the commands that were sent.
    pub runs: i64,
    /// Number of the occurrences that were missed and left out.
    pub skipped: i64,
    /// Time of its first event.
    pub created_at: DateTime<Utc>,
    /// Time of its last event.
    pub updated_at: DateTime<Utc>,
    /// The aggregate's version.
    pub version: i64,
}

/// A schedule's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TextEnum)]
pub enum State {
    /// Waits for its next occurrence.
    Active,
    /// Does not occur until it is resumed.
    Paused,
    /// Has no occurrence left.
    Finished,
}

/// The treatment of missed occurrences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TextEnum)]
pub enum Missed {
    /// None runs.
    Skip,
    /// The newest runs.
    Last,
    /// All run late.
    Run,
}

impl View for Schedules {
    const NAME: &'static str = "schedules";
    const VERSION: i32 = 1;
    const KEY: &'static str = "schedule_id";
    const MIGRATIONS: Migrations = || sqlx::migrate!("src/scheduling/schedules/migrations");
}

impl Projection for Schedules {
    type Source = schedule::Type;
    type Key = Uuid;
    type Row = Schedule;

    fn keys(event: &Recorded<Event>) -> Vec<Uuid> {
        vec![match &event.event {
            Event::ScheduleCreated(event) => event.schedule_id,
            Event::OccurrenceDue(event) => event.schedule_id,
            Event::OccurrencesSkipped(event) => event.schedule_id,
            Event::RunRequested(event) => event.schedule_id,
            Event::SchedulePaused(event) => event.schedule_id,
            Event::ScheduleResumed(event) => event.schedule_id,
            Event::ScheduleDeleted(event) => event.schedule_id,
        }]
    }

    fn apply(_: &Uuid, row: Option<Schedule>, event: &Recorded<Event>) -> Option<Schedule> {
        let mut schedule = match &event.event {
            Event::ScheduleCreated(created) => return Some(Schedule::of(created, event)),
            Event::ScheduleDeleted(_) => return None,
            _ => row?,
        };
        schedule.updated_at = event.envelope.time;
        schedule.version = version(event);
        match &event.event {
            Event::OccurrenceDue(due) => {
                schedule.last_at = instant(due.occurrence);
                schedule.last_lateness_ms = Some((due.decided_at - due.occurrence) / 1_000);
                schedule.waits_for(due.next);
                schedule.sent(event);
            }
            Event::OccurrencesSkipped(skipped) => {
                schedule.skipped += skipped.count;
                schedule.waits_for(skipped.next);
            }
            Event::RunRequested(_) => schedule.sent(event),
            Event::SchedulePaused(_) => {
                schedule.state = State::Paused;
                schedule.next_at = None;
            }
            Event::ScheduleResumed(resumed) => schedule.waits_for(resumed.next),
            Event::ScheduleCreated(_) | Event::ScheduleDeleted(_) => {}
        }
        Some(schedule)
    }
}

impl Schedule {
    fn of(created: &ScheduleCreated, event: &Recorded<Event>) -> Self {
        let rule = &created.rule;
        let mut schedule = Self {
            state: State::Active,
            at: rule.at.and_then(instant),
            cron: rule.cron.clone(),
            time_zone: rule.time_zone.clone(),
            until: rule.until.and_then(instant),
            missed: match created.missed {
                MissedPolicy::Run => Missed::Run,
                MissedPolicy::Last => Missed::Last,
                // As the rules treat it.
                MissedPolicy::Skip | MissedPolicy::Unknown => Missed::Skip,
            },
            missed_after_seconds: created.missed_after_seconds,
            command: created.command.record.clone(),
            target_id: created.command.aggregate_id.clone(),
            created_by: created.actor.clone(),
            next_at: None,
            last_at: None,
            last_lateness_ms: None,
            last_operation: None,
            runs: 0,
            skipped: 0,
            created_at: event.envelope.time,
            updated_at: event.envelope.time,
            version: version(event),
        };
        schedule.waits_for(created.next);
        schedule
    }

    fn waits_for(&mut self, next: Option<i64>) {
        self.next_at = next.and_then(instant);
        self.state = match self.next_at {
            Some(_) => State::Active,
            None => State::Finished,
        };
    }

    fn sent(&mut self, event: &Recorded<Event>) {
        self.last_operation = factline_schedule::operation(event);
        self.runs += 1;
    }
}

fn instant(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

fn version(event: &Recorded<Event>) -> i64 {
    event.envelope.sequence.unwrap_or_default().cast_signed()
}
