//! The commands that follow from events of schedules.

use chrono::TimeDelta;
use factline::AggregateType as _;
use factline::policy::Root;
use factline::testing::happened;
use factline::{Contract, Emit, Fact, RecordSchema, Roles, id};
use factline_schedule::schedule::{self, Event};
use factline_schedule::{RunRequested, SchedulePaused, ScheduledCommand, commands};
use serde_json::json;
use uuid::Uuid;

use super::{ID, at, command, due};

const BOOK: &Contract = &Contract {
    aggregate: "library.book",
    partitions: 1,
    commands: &[RecordSchema {
        name: "library.CallBackBook",
        json: r#"{"type": "record", "name": "library.CallBackBook", "fields": [
            {"name": "book_id", "type": "string"}]}"#,
    }],
    events: &[],
    routes: "",
};

const TARGETS: &[&Contract] = &[BOOK];

const INSTANT: &str = "2026-05-01T09:00:00Z";

fn occurred(command: ScheduledCommand) -> Fact<Event> {
    let mut due = due(1, INSTANT, "2026-05-03T10:00:00Z", None);
    due.command = command;
    happened(&ID.to_string(), due)
}

fn sent(fact: &Fact<Event>) -> Vec<Emit> {
    commands(fact, TARGETS).collect()
}

fn root(operation: Uuid) -> Root {
    Root {
        operation,
        actor: "ada".to_owned(),
        roles: Roles::of(["librarian"]).unwrap(),
    }
}

#[test]
fn occurrence_sends_its_command_as_its_creator() {
    let operation = id::occurrence(&ID.to_string(), at(INSTANT));
    let data = json!({"book_id": "b-1"});
    let expected =
        Emit::of_data(BOOK, "b-1", "library.CallBackBook", data).as_root(root(operation));
    assert_eq!(sent(&occurred(command())), std::slice::from_ref(&expected));
    let limited = ScheduledCommand {
        time_to_live_ms: Some(500),
        ..command()
    };
    let expected = expected.within(TimeDelta::milliseconds(500));
    assert_eq!(sent(&occurred(limited)), [expected]);
}

#[test]
fn operation_of_an_occurrence_is_a_root_that_begins_when_it_was_decided() {
    let mut fact = occurred(command());
    fact.envelope.time = at(INSTANT);
    fact.envelope.origin_time = at("2026-05-03T10:00:00Z");
    fact.envelope.command_position = None;
    let [emit] = sent(&fact).try_into().unwrap();
    let envelope = fact.emitted("schedules", schedule::Type::NAME, 0, &emit);
    assert_eq!(
        envelope.operation,
        id::occurrence(&ID.to_string(), at(INSTANT))
    );
    assert_eq!(
        (envelope.root_operation, envelope.parent_operation),
        (None, None)
    );
    assert_eq!(
        (
            envelope.actor.as_str(),
            envelope.roles.contains("librarian")
        ),
        ("ada", true)
    );
    assert_eq!(envelope.causation, fact.envelope.id);
    assert_eq!(envelope.correlation, envelope.operation);
    assert_eq!(envelope.origin_time, at("2026-05-03T10:00:00Z"));
}

#[test]
fn request_to_run_sends_the_command_of_its_own_operation() {
    let run = RunRequested {
        schedule_id: ID,
        command: command(),
        actor: "ada".to_owned(),
        roles: vec!["librarian".to_owned()],
    };
    let fact = happened(&ID.to_string(), run);
    let data = json!({"book_id": "b-1"});
    let operation = id::requested_run(fact.envelope.operation);
    let expected =
        Emit::of_data(BOOK, "b-1", "library.CallBackBook", data).as_root(root(operation));
    assert_eq!(sent(&fact), [expected]);
}

#[test]
fn command_without_an_aggregate_gets_one_of_its_own() {
    let creates = ScheduledCommand {
        aggregate_id: None,
        id_field: Some("book_id".to_owned()),
        data: r#"{"book_id": ""}"#.to_owned(),
        ..command()
    };
    let operation = id::occurrence(&ID.to_string(), at(INSTANT));
    let own = id::aggregate("library.book", &operation.to_string()).to_string();
    let [emit] = sent(&occurred(creates)).try_into().unwrap();
    assert_eq!(emit.id(), own);
    let codec = factline::avro::Codec::parse(BOOK.commands[0].json).unwrap();
    let datum = emit.encode(&codec).unwrap();
    assert_eq!(codec.decode_json(&datum).unwrap(), json!({"book_id": own}));
}

#[test]
fn command_of_an_unknown_aggregate_has_no_target() {
    let lost = ScheduledCommand {
        aggregate: "library.shelf".to_owned(),
        ..command()
    };
    let [emit] = sent(&occurred(lost)).try_into().unwrap();
    assert!(
        TARGETS
            .iter()
            .all(|target| target.aggregate != emit.contract().aggregate)
    );
}

#[test]
fn other_events_send_nothing() {
    let paused = SchedulePaused { schedule_id: ID };
    assert_eq!(sent(&happened(&ID.to_string(), paused)), []);
}
