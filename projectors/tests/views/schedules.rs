//! The effect of each event on a schedule's row, in memory and in the table.

use factline::{Recorded, id};
use factline_schedule::schedule::Event;
use factline_schedule::{
    MissedPolicy, OccurrenceDue, OccurrencesSkipped, RunRequested, ScheduleCreated,
    ScheduleDeleted, SchedulePaused, ScheduleResumed, ScheduleRule, ScheduledCommand,
};
use projectors::scheduling::schedules::{Missed, Schedule, Schedules, State};
use uuid::Uuid;

use crate::histories::{HistoryEvent, at, history, rows};
use crate::tables::holds_what_is_projected;

impl HistoryEvent for Event {
    const AGGREGATE: &'static str = "scheduling.schedule";

    fn subject(&self) -> Uuid {
        match self {
            Event::ScheduleCreated(event) => event.schedule_id,
            Event::OccurrenceDue(event) => event.schedule_id,
            Event::OccurrencesSkipped(event) => event.schedule_id,
            Event::RunRequested(event) => event.schedule_id,
            Event::SchedulePaused(event) => event.schedule_id,
            Event::ScheduleResumed(event) => event.schedule_id,
            Event::ScheduleDeleted(event) => event.schedule_id,
        }
    }
}

fn schedule_id(number: u32) -> Uuid {
    id::aggregate("scheduling.schedule", &number.to_string())
}

fn command() -> ScheduledCommand {
    ScheduledCommand {
        aggregate: "catalog.product".to_owned(),
        aggregate_id: Some("p-1".to_owned()),
        id_field: None,
        record: "catalog.ChangePrice".to_owned(),
        data: "{}".to_owned(),
        time_to_live_ms: None,
    }
}

/// Returns an instant in microseconds.
fn micros(seconds: i64) -> i64 {
    at(seconds).timestamp_micros()
}

fn created(number: u32, next: i64) -> Event {
    ScheduleCreated {
        schedule_id: schedule_id(number),
        rule: ScheduleRule {
            at: None,
            cron: Some("* * * * *".to_owned()),
            time_zone: "Europe/Berlin".to_owned(),
            until: Some(micros(86_400)),
        },
        missed: MissedPolicy::Last,
        missed_after_seconds: 60,
        command: command(),
        actor: "ada".to_owned(),
        roles: Vec::new(),
        next: Some(micros(next)),
    }
    .into()
}

fn due(number: u32, seconds: i64, next: Option<i64>) -> Event {
    OccurrenceDue {
        schedule_id: schedule_id(number),
        occurrence: micros(seconds),
        number: 1,
        decided_at: micros(seconds) + 250_000,
        command: command(),
        actor: "ada".to_owned(),
        roles: Vec::new(),
        next: next.map(micros),
    }
    .into()
}

fn skipped(number: u32, count: i64, next: Option<i64>) -> Event {
    OccurrencesSkipped {
        schedule_id: schedule_id(number),
        first: micros(60),
        last: micros(60 * count),
        count,
        next: next.map(micros),
    }
    .into()
}

fn run(number: u32) -> Event {
    RunRequested {
        schedule_id: schedule_id(number),
        command: command(),
        actor: "ada".to_owned(),
        roles: Vec::new(),
    }
    .into()
}

fn paused(number: u32) -> Event {
    let schedule_id = schedule_id(number);
    SchedulePaused { schedule_id }.into()
}

fn resumed(number: u32, next: Option<i64>) -> Event {
    ScheduleResumed {
        schedule_id: schedule_id(number),
        next: next.map(micros),
    }
    .into()
}

fn deleted(number: u32) -> Event {
    let schedule_id = schedule_id(number);
    ScheduleDeleted { schedule_id }.into()
}

/// Returns the row of schedule 1 after its creation and these events.
fn after(events: impl IntoIterator<Item = Event>) -> Option<Schedule> {
    let events = std::iter::once(created(1, 60)).chain(events);
    let history = history(events);
    rows::<Schedules>(&history).into_values().next()
}

#[test]
fn created_schedule_waits_for_its_first_occurrence() {
    let expected = Schedule {
        state: State::Active,
        at: None,
        cron: Some("* * * * *".to_owned()),
        time_zone: "Europe/Berlin".to_owned(),
        until: Some(at(86_400)),
        missed: Missed::Last,
        missed_after_seconds: 60,
        command: "catalog.ChangePrice".to_owned(),
        target_id: Some("p-1".to_owned()),
        created_by: "ada".to_owned(),
        next_at: Some(at(60)),
        last_at: None,
        last_lateness_ms: None,
        last_operation: None,
        runs: 0,
        skipped: 0,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    };
    assert_eq!(after([]), Some(expected));
}

#[test]
fn occurrence_is_the_last_one_and_names_its_operation() {
    let row = after([due(1, 60, Some(120))]).unwrap();
    let operation = id::occurrence(&schedule_id(1).to_string(), at(60));
    assert_eq!(row.last_operation, Some(operation));
    assert_eq!((row.last_at, row.next_at), (Some(at(60)), Some(at(120))));
    assert_eq!((row.last_lateness_ms, row.runs), (Some(250), 1));
    let last = after([due(1, 60, None)]).unwrap();
    assert_eq!((last.state, last.next_at), (State::Finished, None));
}

#[test]
fn event_of_each_kind_changes_the_row() {
    let missed = after([skipped(1, 3, Some(240))]).unwrap();
    assert_eq!((missed.skipped, missed.next_at), (3, Some(at(240))));
    assert_eq!((missed.runs, missed.last_at), (0, None));
    let stopped = after([paused(1)]).unwrap();
    assert_eq!((stopped.state, stopped.next_at), (State::Paused, None));
    let ran = after([paused(1), run(1)]).unwrap();
    assert_eq!((ran.state, ran.runs), (State::Paused, 1));
    assert!(ran.last_operation.is_some() && ran.last_at.is_none());
    let goes_on = after([paused(1), resumed(1, Some(300))]).unwrap();
    assert_eq!(goes_on.next_at, Some(at(300)));
    assert_eq!(goes_on.state, State::Active);
    let over = after([paused(1), resumed(1, None)]).unwrap();
    assert_eq!(over.state, State::Finished);
    assert_eq!(after([deleted(1)]), None);
}

/// Returns the events of thirty schedules, with every kind of life.
fn lives() -> Vec<Recorded<Event>> {
    let mut events: Vec<Event> = (0..30).map(|number| created(number, 60)).collect();
    for number in 0..30 {
        match number % 5 {
            0 => {}
            1 => events.extend([due(number, 60, Some(120)), due(number, 120, None)]),
            2 => events.extend([skipped(number, 3, Some(240)), paused(number), run(number)]),
            3 => events.extend([paused(number), resumed(number, Some(300))]),
            _ => events.push(deleted(number)),
        }
    }
    history(events)
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_table_holds_the_projected_rows() {
    holds_what_is_projected::<Schedules>("schedules.events", &lives()).await;
}
