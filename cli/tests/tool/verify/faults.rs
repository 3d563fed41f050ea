//! Faults in commands, outcomes and events.

use std::collections::{BTreeMap, BTreeSet};

use factline::id;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use uuid::Uuid;

use super::{findings, order_in, pass, verify};
use crate::stage::Stage;

/// The partition of all records.
pub(super) const PARTITION: i32 = 3;

/// Writer of a log by hand. It counts the records of each topic, and the events.
pub(super) struct Log<'a> {
    pub(super) stage: &'a Stage,
    counts: BTreeMap<&'static str, i64>,
    sequence: u64,
    /// Findings that must be named.
    expected: BTreeSet<(String, String)>,
}

/// The headers of a record.
type Headers = Vec<(&'static str, String)>;

/// Replaces a header.
fn set(headers: &mut Headers, name: &'static str, value: &impl ToString) {
    headers.retain(|(known, _)| *known != name);
    headers.push((name, value.to_string()));
}

impl<'a> Log<'a> {
    pub(super) fn new(stage: &'a Stage) -> Self {
        Self {
            stage,
            counts: BTreeMap::new(),
            sequence: 0,
            expected: BTreeSet::new(),
        }
    }

    /// Appends a record, and returns its position.
    async fn append(&mut self, kind: &'static str, key: &str, headers: &Headers) -> String {
        let topics = &self.stage.topics;
        let topic = match kind {
            "commands" => topics.commands(),
            "outcomes" => topics.outcomes(),
            _ => topics.events(),
        };
        let fixture = &self.stage.fixture;
        fixture.append(topic, PARTITION, key, headers, b"any").await;
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        format!("{topic}/{PARTITION}@{}", *count - 1)
    }

    fn headers(operation: Uuid, order: Uuid) -> Headers {
        let mut headers = Stage::envelope(operation, "ordering.Any", order).to_headers();
        // The id of the record may be changed.
        set(&mut headers, "ce_operation", &operation);
        headers
    }

    /// Appends a command, and returns its operation and its position.
    pub(super) async fn command(&mut self, order: Uuid) -> (Uuid, String) {
        let operation = Uuid::now_v7();
        let headers = Self::headers(operation, order);
        let place = self.append("commands", &order.to_string(), &headers).await;
        (operation, place)
    }

    pub(super) async fn outcome(
        &mut self,
        order: Uuid,
        (operation, command): &(Uuid, String),
        state: &str,
    ) -> String {
        let mut headers = Self::headers(*operation, order);
        set(&mut headers, "ce_id", &id::outcome(*operation, state));
        set(&mut headers, "ce_commandposition", command);
        self.append("outcomes", &order.to_string(), &headers).await
    }

    /// Appends an event, whose headers may be changed.
    async fn event(
        &mut self,
        order: Uuid,
        (operation, command): &(Uuid, String),
        version: u64,
        change: impl FnOnce(&mut Headers),
    ) -> String {
        self.sequence += 1;
        let mut headers = Self::headers(*operation, order);
        let id = id::event("ordering.order", &order.to_string(), version);
        set(&mut headers, "ce_id", &id);
        set(&mut headers, "ce_sequence", &version);
        set(&mut headers, "ce_partitionsequence", &self.sequence);
        set(&mut headers, "ce_commandposition", command);
        change(&mut headers);
        self.append("events", &order.to_string(), &headers).await
    }

    /// Appends a command with its outcome and its event.
    pub(super) async fn decided(&mut self, order: Uuid, version: u64) -> (Uuid, String) {
        let command = self.command(order).await;
        self.outcome(order, &command, "completed").await;
        self.event(order, &command, version, |_| ()).await;
        command
    }

    fn expect(&mut self, kind: &str, place: String) {
        self.expected.insert((kind.to_owned(), place));
    }

    pub(super) fn count(&self, kind: &str) -> i64 {
        self.counts.get(kind).copied().unwrap_or_default()
    }
}

/// Writes each kind of fault in numbers, keys and ids of events.
async fn faults_in_events(log: &mut Log<'_>, order: Uuid) {
    let other = order_in(PARTITION);
    let command = log.decided(order, 1).await;

    log.sequence += 1;
    let place = log.event(order, &command, 2, |_| ()).await;
    log.expect("sequence_gap", place);
    log.sequence -= 1;
    let place = log.event(order, &command, 3, |_| ()).await;
    log.expect("sequence_repeated", place);
    let place = log.event(order, &command, 5, |_| ()).await;
    log.expect("version_gap", place);
    let place = log.event(order, &command, 5, |_| ()).await;
    log.expect("version_repeated", place);
    let id = |headers: &mut Headers| set(headers, "ce_id", &Uuid::new_v4());
    let place = log.event(order, &command, 6, id).await;
    log.expect("wrong_id", place);
    let unreadable = |headers: &mut Headers| headers.retain(|(name, _)| *name != "ce_subject");
    let place = log.event(order, &command, 7, unreadable).await;
    log.expect("unreadable_headers", place);

    // The subject is another order of the partition, and the version and the id are that order's.
    let subject = |headers: &mut Headers| {
        set(headers, "ce_subject", &other);
        let id = id::event("ordering.order", &other.to_string(), 1);
        set(headers, "ce_id", &id);
    };
    let place = log.event(order, &command, 1, subject).await;
    log.expect("wrong_key", place);
    let place = log
        .event(order_in(PARTITION + 1), &command, 1, |_| ())
        .await;
    log.expect("wrong_partition", place);
}

/// Writes each kind of fault in commands and their outcomes.
async fn faults_in_outcomes(log: &mut Log<'_>, order: Uuid) {
    let first = log.decided(order, 1).await;
    let second = log.decided(order, 2).await;
    let swapped = (second.0, first.1.clone());
    let place = log.event(order, &swapped, 3, |_| ()).await;
    log.expect("wrong_command_position", place);
    let malformed = |headers: &mut Headers| set(headers, "ce_commandposition", &"somewhere");
    let place = log.event(order, &second, 4, malformed).await;
    log.expect("wrong_command_position", place);

    let third = log.command(order).await;
    let swapped = (third.0, first.1.clone());
    let place = log.outcome(order, &swapped, "rejected").await;
    log.expect("wrong_command_position", place);

    let undecided = log.command(order).await;
    log.expect("command_without_outcome", undecided.1.clone());
    let place = log.event(order, &undecided, 5, |_| ()).await;
    log.expect("event_without_outcome", place);
    let refused = log.command(order).await;
    log.outcome(order, &refused, "rejected").await;
    let place = log.event(order, &refused, 6, |_| ()).await;
    log.expect("event_of_refused", place);

    let place = log.outcome(order, &second, "timed_out").await;
    log.expect("ended_twice", place);
    let workflow = log.command(order).await;
    log.outcome(order, &workflow, "running").await;
    log.event(order, &workflow, 7, |_| ()).await;
    let place = log.outcome(order, &workflow, "running").await;
    log.expect("runs_twice", place);
    log.outcome(order, &workflow, "cancelled").await;
    let place = log.outcome(order, &workflow, "running").await;
    log.expect("runs_twice", place);
    let odd = log.command(order).await;
    let place = log.outcome(order, &odd, "odd").await;
    log.expect("wrong_id", place);
    log.expect("command_without_outcome", odd.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_named_at_its_place() {
    let stage = Stage::with_topics("faults").await;
    let mut log = Log::new(&stage);
    faults_in_events(&mut log, order_in(PARTITION)).await;
    faults_in_outcomes(&mut log, order_in(PARTITION)).await;
    pass(&stage, PARTITION, log.count("commands")).await;
    let (code, lines) = verify(&stage, &[]).await;
    assert_eq!(findings(&lines), log.expected);
    assert_eq!(code, 1);
    let named = lines.iter().filter(|line| line["finding"] != "wrong_id");
    let named = named.filter(|line| line["finding"].is_string());
    for finding in named {
        assert!(finding["operation"].is_string(), "{finding}");
        assert!(finding["command"].is_string(), "{finding}");
    }
    let report = lines.last().unwrap();
    assert_eq!(report["kinds"]["wrong_command_position"], 3, "{report}");

    let table = stage.run(&["verify", "--type", "ordering.order"]).await;
    for (kind, place) in &log.expected {
        let mut rows = table.out.lines();
        let row = rows.find(|row| row.starts_with(kind.as_str()) && row.contains(place.as_str()));
        assert!(row.is_some(), "{kind} {place}: {}", table.out);
    }

    // No value is Avro.
    let (_, lines) = verify(&stage, &["--decode"]).await;
    let undecodable = |line: &&Value| line["finding"] == "undecodable";
    let count = log.count("events") + log.count("outcomes");
    let found = lines.iter().filter(undecodable).count();
    assert_eq!(i64::try_from(found), Ok(count));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_deleted_before_their_decision_are_a_finding() {
    let stage = Stage::with_topics("deleted").await;
    let mut log = Log::new(&stage);
    let order = order_in(PARTITION);
    for version in 1..4 {
        log.decided(order, version).await;
    }
    let topic = stage.topics.commands();
    let mut before = TopicPartitionList::new();
    before
        .add_partition_offset(topic, PARTITION, Offset::Offset(2))
        .unwrap();
    let admin: AdminClient<DefaultClientContext> =
        stage.fixture.kafka.client_config().create().unwrap();
    let deleted = admin.delete_records(&before, &AdminOptions::new()).await;
    deleted.unwrap();
    pass(&stage, PARTITION, 1).await;
    let place = format!("{topic}/{PARTITION}");
    log.expect("commands_deleted", place);
    let (code, lines) = verify(&stage, &[]).await;
    assert_eq!((code, findings(&lines)), (1, log.expected.clone()));
}

/// A later run reads only what is new, and knows what was before.
#[tokio::test(flavor = "multi_thread")]
async fn run_with_a_state_file_continues() {
    let stage = Stage::with_topics("state").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.jsonl");
    let options = ["--state", file.to_str().unwrap()];
    let mut log = Log::new(&stage);
    let order = order_in(PARTITION);
    let first = log.decided(order, 1).await;
    log.decided(order, 2).await;
    pass(&stage, PARTITION, log.count("commands")).await;
    let (code, lines) = verify(&stage, &options).await;
    assert_eq!((code, &lines[0]["events"]), (0, &2.into()), "{lines:?}");

    log.decided(order, 3).await;
    let place = log.outcome(order, &first, "rejected").await;
    log.expect("ended_twice", place);
    log.decided(order, 5).await;
    let place = format!("{}/{PARTITION}@3", stage.topics.events());
    log.expect("version_gap", place);
    pass(&stage, PARTITION, log.count("commands")).await;
    for (events, outcomes) in [(2, 3), (0, 0)] {
        let (code, lines) = verify(&stage, &options).await;
        assert_eq!((code, findings(&lines)), (1, log.expected.clone()));
        let report = lines.last().unwrap();
        let read = (&report["events"], &report["outcomes"]);
        assert_eq!(read, (&events.into(), &outcomes.into()), "{report}");
    }

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("version_gap", "version_gab")).unwrap();
    let (code, _) = verify(&stage, &options).await;
    assert_eq!(code, 2, "a changed file is refused");
    std::fs::write(&file, text).unwrap();
    let other = Stage::with_topics("other").await;
    assert_eq!(
        verify(&other, &options).await.0,
        2,
        "it is of another prefix"
    );
}
