//! A registry that is unavailable, refuses or has lost a schema. No command fails for that.

use factline::avro::Codec;
use factline::{Envelope, outcome::State};
use factline_handler::RecordFactory;

use factline_kafka::records::framing;
use factline_kafka::topics::{partition_of, subject};
use factline_testkit::{Behaviour, RegistryFront};
use uuid::Uuid;

use crate::account::{ACCOUNT, Deposit};
use crate::rig::Rig;

const COMPONENT: &str = "handler of ledger.account";

/// A schema of a deposit by another application: a handler must fetch it to read the command.
const FOREIGN: &str = r#"{"type":"record","name":"Deposit","namespace":"ledger",
    "doc":"by another application","fields":[{"name":"amount","type":"long"}]}"#;

/// Two accounts, whose commands are on different partitions.
const ADA: &str = "ada";
const BOB: &str = "bob";

/// Rig behind a front of the registry, and the id of the foreign schema.
async fn stage(name: &str) -> (Rig, RegistryFront, i32) {
    assert_ne!(home(ADA), home(BOB), "the test needs two partitions");
    let mut rig = Rig::new(name).await;
    let front = RegistryFront::of(&rig.kafka.registry_url).await;
    // As the job that provisions the topics does.
    RecordFactory::connect(&rig.kafka, &ACCOUNT).await.unwrap();
    let subject = subject(rig.topics.commands(), "ledger.Deposit");
    let foreign = rig.fixture.registry.register_schema(&subject, FOREIGN);
    let foreign = foreign.await.unwrap();
    rig.kafka.registry_url.clone_from(&front.url);
    (rig, front, foreign)
}

fn home(account: &str) -> i32 {
    partition_of(account.as_bytes(), ACCOUNT.partitions)
}

/// Appends a deposit for Ada with the foreign schema, and returns its operation.
async fn deposit_foreign(rig: &Rig, schema: i32, amount: i64) -> Uuid {
    let operation = Uuid::now_v7();
    let now = chrono::Utc::now();
    let envelope = Envelope::of_command(operation, "ledger.Deposit", "/test", ADA, now);
    let datum = Codec::parse(FOREIGN).unwrap().encode(&Deposit { amount });
    let value = framing::put_before(schema, datum.unwrap());
    let headers = envelope.to_headers();
    rig.append(home(ADA), ADA, &headers, &value).await;
    operation
}

/// The registry was restored from an older copy. The command and those behind it wait, the other
/// partitions continue, and all is decided in order when the registry is mended.
#[tokio::test(flavor = "multi_thread")]
async fn schema_that_the_registry_lacks_holds_its_partition() {
    let (rig, front, foreign) = stage("lacks").await;
    front.becomes(Behaviour::Lacks(foreign));
    let handler = rig.start("a").await;
    let waits = deposit_foreign(&rig, foreign, 1).await;
    let behind = rig.deposit(ADA, 2).await;
    let reason = format!(
        "ledger.account.commands/{} waits: registry has no schema {foreign}",
        home(ADA)
    );
    handler.reports.until_it_reports(COMPONENT, &reason).await;
    let mut elsewhere = Vec::new();
    for amount in 0..20 {
        elsewhere.push(rig.deposit(BOB, amount).await);
        rig.deposit(ADA, 0).await;
    }
    let ended = rig.outcomes_of(&elsewhere).await;
    assert!(!ended.contains_key(&waits) && !ended.contains_key(&behind));
    front.becomes(Behaviour::Works);
    let ended = rig.outcomes_of(&[waits, behind]).await;
    assert!(ended.values().all(|ended| ended.state == State::Completed));
    assert!(ended[&waits].version < ended[&behind].version);
    handler.reports.until_ready(COMPONENT).await;
    assert!(rig.read(rig.topics.dead_letters()).await.is_empty());
    handler.stop().await;
}

/// A request without an answer must not keep the worker from its other partitions.
#[tokio::test(flavor = "multi_thread")]
async fn registry_that_does_not_answer_delays_only_the_partition_of_the_schema() {
    let (rig, front, foreign) = stage("hangs").await;
    let handler = rig.start("a").await;
    front.becomes(Behaviour::Hangs);
    let waits = deposit_foreign(&rig, foreign, 1).await;
    let elsewhere = rig.deposit(BOB, 1).await;
    let ended = rig.outcomes_of(&[elsewhere]).await;
    assert!(!ended.contains_key(&waits));
    front.becomes(Behaviour::Works);
    rig.outcomes_of(&[waits]).await;
    handler.stop().await;
}

/// The operator says that the schema will never come back: then its commands fail and are kept.
#[tokio::test(flavor = "multi_thread")]
async fn commands_of_a_lost_schema_fail() {
    let (mut rig, front, foreign) = stage("lost").await;
    front.becomes(Behaviour::Lacks(foreign));
    rig.kafka.lost_schemas = vec![foreign];
    let handler = rig.start("a").await;
    let lost = deposit_foreign(&rig, foreign, 1).await;
    let behind = rig.deposit(ADA, 2).await;
    let ended = rig.outcomes_of(&[lost, behind]).await;
    assert_eq!(ended[&lost].code.as_deref(), Some("unreadable"));
    let reason = ended[&lost].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("FACTLINE_LOST_SCHEMAS"), "{reason}");
    assert_eq!(ended[&behind].state, State::Completed);
    assert_eq!(rig.read(rig.topics.dead_letters()).await.len(), 1);
    handler.stop().await;
}

/// Only the job that provisions needs the right to register schemas.
#[tokio::test(flavor = "multi_thread")]
async fn handler_starts_with_a_registry_that_it_may_only_read() {
    let (rig, front, _) = stage("read-only").await;
    front.becomes(Behaviour::ReadOnly);
    let handler = rig.start("a").await;
    let deposit = rig.deposit(ADA, 1).await;
    rig.outcomes_of(&[deposit]).await;
    handler.stop().await;
}

/// Rights and addresses are mended while a process waits: it names the refusal and starts.
#[tokio::test(flavor = "multi_thread")]
async fn handler_that_the_registry_refuses_waits_and_says_so() {
    let (rig, front, _) = stage("refuses").await;
    for status in [401, 403, 404, 429] {
        front.becomes(Behaviour::Refuses(status));
        let handler = rig.launch("a");
        let reason = format!(
            "registry refuses finding the schema of {}",
            rig.kafka.topic_prefix
        );
        handler.reports.until_it_reports(COMPONENT, &reason).await;
        handler
            .reports
            .until_it_reports(COMPONENT, &format!(": {status} refused by the test"))
            .await;
        front.becomes(Behaviour::Works);
        handler.reports.until_ready(COMPONENT).await;
        handler.stop().await;
    }
}
