//! Guarantees that a policy's host relies on: ids derive from the fact, and envelopes name the
//! source of a command.

use chrono::TimeDelta;
use factline::avro::{Codec, Error};
use factline::policy::Root;
use factline::testing::happened;
use factline::{AggregateType, Emit, Fact, Messages, RecordSchema, Roles, id};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq)]
struct Ping(u32);

impl Messages for Ping {
    const RECORDS: &'static [RecordSchema] = &[];

    fn record(&self) -> &'static str {
        "sport.Ping"
    }

    fn encode(&self, _: &Codec) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn decode(_: &str, _: &Codec, _: &[u8]) -> Result<Self, Error> {
        Ok(Self(0))
    }
}

struct Table;

impl AggregateType for Table {
    const NAME: &'static str = "sport.table";
    const PARTITIONS: i32 = 1;
    type Command = Ping;
    type Event = Pong;
}

fn ping(number: u32) -> Emit {
    Emit::to::<Table>("t-1", Ping(number))
}

#[test]
fn process_command_results_name_the_process() {
    let mut fact: Fact<Ping> = happened("match-7", Ping(1));
    fact.envelope.position = Some("1abc".into());
    let envelope = fact.emitted("serve", "sport.match", 0, &ping(1).of_process());
    let begun = fact.envelope.operation;
    assert_eq!(
        envelope.operation,
        id::emitted("serve", fact.envelope.id, 0)
    );
    assert_eq!(envelope.id, envelope.operation);
    assert_eq!(envelope.root_operation, Some(begun));
    assert_eq!(envelope.parent_operation, Some(begun));
    assert_eq!(envelope.process_type.as_deref(), Some("sport.match"));
    assert_eq!(envelope.process_id.as_deref(), Some("match-7"));
    assert_eq!(
        (envelope.subject.as_str(), envelope.record.as_str()),
        ("t-1", "sport.Ping")
    );
    assert_eq!(envelope.position.as_deref(), Some("1abc"));
    assert_eq!(envelope.origin_time, fact.envelope.time);
}

/// A deadline that is decided after downtime has its due time, and happened later.
#[test]
fn command_for_a_late_deadline_is_as_old_as_the_decision() {
    let mut fact: Fact<Ping> = happened("match-7", Ping(1));
    let decided = fact.envelope.time + TimeDelta::hours(30);
    fact.envelope.origin_time = decided;
    let origin = |fact: &Fact<Ping>| {
        fact.emitted("serve", "sport.match", 0, &ping(1))
            .origin_time
    };
    assert_eq!(origin(&fact), decided);
    // The origin of a command is the clock of its sender, which may be wrong.
    fact.envelope.command_position = Some("sport.match.commands/0@7".to_owned());
    assert_eq!(origin(&fact), fact.envelope.time);
}

#[test]
fn command_as_root_begins_a_chain_of_its_own() {
    let mut fact: Fact<Ping> = happened("match-7", Ping(1)).of_process("sport.cup", "c-1");
    fact.envelope.root_operation = Some(Uuid::from_u128(9));
    let root = Root {
        operation: Uuid::from_u128(8),
        actor: "ada".to_owned(),
        roles: Roles::of(["referee"]).unwrap(),
    };
    let emit = ping(1).as_root(root.clone()).expecting(4);
    assert_ne!(emit, ping(1).expecting(4));
    let envelope = fact.emitted("serve", "sport.match", 0, &emit);
    assert_eq!(
        (envelope.id, envelope.operation),
        (root.operation, root.operation)
    );
    assert_eq!(
        (envelope.root_operation, envelope.parent_operation),
        (None, None)
    );
    assert_eq!(
        (&envelope.process_type, &envelope.process_id),
        (&None, &None)
    );
    assert_eq!(
        (&envelope.actor, &envelope.roles),
        (&root.actor, &root.roles)
    );
    assert_eq!(envelope.correlation, root.operation);
    assert_eq!(envelope.causation, fact.envelope.id);
    assert_eq!(envelope.expected_version, Some(4));
}

#[test]
fn command_of_data_is_written_by_its_schema() {
    let json = r#"{"type": "record", "name": "sport.Serve", "fields": [
        {"name": "player", "type": "string"}]}"#;
    let codec = Codec::parse(json).unwrap();
    let data = serde_json::json!({"player": "ada"});
    let emit = |data| Emit::of_data(Table::CONTRACT, "t-1", "sport.Serve", data);
    let datum = emit(data.clone()).encode(&codec).unwrap();
    assert_eq!(codec.decode_json(&datum).unwrap(), data);
    assert_eq!(emit(data.clone()), emit(data.clone()));
    assert_ne!(emit(data), emit(serde_json::Value::Null));
    assert!(emit(serde_json::Value::Null).encode(&codec).is_err());
}

#[test]
fn participant_commands_keep_the_process() {
    let mut fact: Fact<Pong> = happened("t-1", Pong).of_process("sport.match", "match-7");
    fact.envelope.root_operation = Some(Uuid::from_u128(9));
    let emit = ping(1).expecting(4).within(TimeDelta::seconds(3));
    let envelope = fact.emitted("answer", "sport.table", 1, &emit);
    assert_eq!(fact.process("sport.match"), Some("match-7"));
    assert_eq!(fact.process("sport.other"), None);
    assert_eq!(envelope.process_id.as_deref(), Some("match-7"));
    assert_eq!(envelope.root_operation, Some(Uuid::from_u128(9)));
    assert_eq!(envelope.parent_operation, Some(fact.envelope.operation));
    assert_eq!(
        (envelope.expected_version, envelope.time_to_live_ms),
        (Some(4), Some(3000))
    );
}

#[test]
fn emitted_commands_compare_by_content() {
    assert_eq!(ping(1), ping(1));
    assert_ne!(ping(1), ping(2));
    assert_ne!(ping(1), ping(1).of_process());
}

/// Another set of messages.
#[derive(Debug, Clone, PartialEq)]
struct Pong;

impl Messages for Pong {
    const RECORDS: &'static [RecordSchema] = &[];

    fn record(&self) -> &'static str {
        "sport.Pong"
    }

    fn encode(&self, _: &Codec) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn decode(_: &str, _: &Codec, _: &[u8]) -> Result<Self, Error> {
        Ok(Self)
    }
}
