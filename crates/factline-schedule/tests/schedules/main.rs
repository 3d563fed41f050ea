//! The rules of a schedule, and the commands that follow from its events.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calendar;
mod emitting;
mod missed;
mod properties;
mod stages;

use factline::Timestamp;
use factline_schedule::{
    CreateSchedule, MissedPolicy, OccurrenceDue, ScheduleCreated, ScheduleRule, ScheduledCommand,
};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(7);

/// Returns an instant from its text.
fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn micros(text: &str) -> i64 {
    at(text).timestamp_micros()
}

fn cron(cron: &str, time_zone: &str) -> ScheduleRule {
    ScheduleRule {
        at: None,
        cron: Some(cron.to_owned()),
        time_zone: time_zone.to_owned(),
        until: None,
    }
}

fn once(instant: &str) -> ScheduleRule {
    ScheduleRule {
        at: Some(micros(instant)),
        cron: None,
        time_zone: "UTC".to_owned(),
        until: None,
    }
}

fn command() -> ScheduledCommand {
    ScheduledCommand {
        aggregate: "library.book".to_owned(),
        aggregate_id: Some("b-1".to_owned()),
        id_field: None,
        record: "library.CallBackBook".to_owned(),
        data: r#"{"book_id": "b-1"}"#.to_owned(),
        time_to_live_ms: None,
    }
}

fn create(rule: ScheduleRule) -> CreateSchedule {
    CreateSchedule {
        schedule_id: ID,
        rule,
        missed: MissedPolicy::Skip,
        missed_after_seconds: 60,
        request: command(),
    }
}

/// Returns the event of a schedule that ada has created as a librarian.
fn created(rule: ScheduleRule, missed: MissedPolicy, next: &str) -> ScheduleCreated {
    ScheduleCreated {
        schedule_id: ID,
        rule,
        missed,
        missed_after_seconds: 60,
        command: command(),
        actor: "ada".to_owned(),
        roles: vec!["librarian".to_owned()],
        next: Some(micros(next)),
    }
}

fn due(number: i64, occurrence: &str, decided_at: &str, next: Option<&str>) -> OccurrenceDue {
    OccurrenceDue {
        schedule_id: ID,
        occurrence: micros(occurrence),
        number,
        decided_at: micros(decided_at),
        command: command(),
        actor: "ada".to_owned(),
        roles: vec!["librarian".to_owned()],
        next: next.map(micros),
    }
}
