//! Operations that each user must be able to perform.

use std::collections::{BTreeMap, BTreeSet};

use clap::Parser as _;
use factline::{Outcome, cancel, outcome};
use factline_handler::Options;
use factline_kafka::topics::capacity::CapacityQueries;
use factline_kafka::topics::identity::topic_identity;
use factline_kafka::topics::partition_of;
use factline_kafka::topics::trim::{Reached, Trimmed, trim};
use factline_kafka::{KafkaConfig, Registry, records::framing, topics::diff};
use factline_testkit::commands::envelope;
use factline_testkit::{CommandTopic, Reports};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::account::{ACCOUNT, Account, Command, Deposit};
use crate::stage::{PATIENCE, PREFIX, Stage, append, follow, stage};

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    handler: Options,
}

/// Starts a handler and waits until it is ready.
async fn handler(
    stage: &Stage,
) -> (
    CancellationToken,
    JoinHandle<Result<(), factline_handler::Error>>,
) {
    let (reports, stop) = (Reports::default(), CancellationToken::new());
    let task = tokio::spawn(factline_handler::run::<Account>(
        stage.user("command-handlers"),
        Flags::parse_from(["test"]).handler,
        reports.report(),
        stop.clone(),
    ));
    reports.until_ready("handler of ledger.account").await;
    (stop, task)
}

/// Appends a deposit as the edge does.
async fn deposit(edge: &KafkaConfig, topic: &str, amount: i64) -> Uuid {
    let commands = CommandTopic::register(edge, &ACCOUNT).await;
    let command: Command = Deposit { amount }.into();
    let operation = Uuid::now_v7();
    let envelope = envelope(operation, &command, "ada");
    let value = commands.encode(&command);
    append(edge, true, topic, &envelope.to_headers(), &value)
        .await
        .unwrap();
    operation
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_can_do_its_step_of_a_command() {
    let stage = stage().await;
    let topics = &stage.topics;
    let edge = stage.user("command-api");

    let (stop, task) = handler(stage).await;
    let first = deposit(&edge, topics.commands(), 1).await;
    let tracker = stage.user("operations-tracker");
    let group = format!("{PREFIX}operations-tracker");
    let (config, topic) = (tracker.clone(), topics.outcomes().to_owned());
    let name = group.clone();
    spawn_blocking(move || follow(&config, &name, &topic, 1))
        .await
        .unwrap();
    stop.cancel();
    task.await.unwrap().unwrap();

    // A restarted handler restores the state, for which it reads its own records.
    let (stop, task) = handler(stage).await;
    let second = deposit(&edge, topics.commands(), 2).await;
    let topic = topics.outcomes().to_owned();
    let config = tracker.clone();
    let outcomes = spawn_blocking(move || follow(&config, &group, &topic, 2));
    let registry = Registry::new(&tracker.registry_url);
    let mut done = Vec::new();
    for record in outcomes.await.unwrap() {
        let (id, datum) = framing::read(record.value.as_deref().unwrap()).unwrap();
        let outcome: Outcome = registry.codec(id).await.unwrap().decode(datum).unwrap();
        assert_eq!(outcome.state, outcome::State::Completed);
        done.push((outcome.operation_id, outcome.version));
    }
    assert_eq!(done, [(first, Some(1)), (second, Some(2))]);
    stop.cancel();
    task.await.unwrap().unwrap();

    let projector = stage.user("projectors");
    let topic = topics.events().to_owned();
    let group = format!("{PREFIX}projector.accounts.v1");
    let events = spawn_blocking(move || follow(&projector, &group, &topic, 2));
    assert_eq!(events.await.unwrap().len(), 2);

    let (config, topic) = (tracker.clone(), topics.commands().to_owned());
    let identity = spawn_blocking(move || topic_identity(&config, &topic));
    let reached = Reached {
        identity: identity.await.unwrap().unwrap(),
        next_offset: 2,
    };
    let reached = BTreeMap::from([(partition_of(b"ada", ACCOUNT.partitions), reached)]);
    let soon = chrono::Utc::now() + chrono::TimeDelta::minutes(1);
    let trimmed = trim(&tracker, topics, &reached, soon).await.unwrap();
    assert_eq!(trimmed.iter().map(Trimmed::records).sum::<u64>(), 2);

    // No handler runs any more.
    let cancel = cancel::envelope(first, "/operations-tracker", "ada", soon);
    append(
        &tracker,
        true,
        topics.commands(),
        &cancel.to_headers(),
        b"not decoded",
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_can_compare_topics_with_the_contract() {
    let stage = stage().await;
    let config = stage.user("factline");
    let planned = tokio::time::timeout(PATIENCE, diff::plan(&config, &ACCOUNT));
    let lines = planned.await.unwrap().unwrap();
    assert!(lines.iter().any(|line| line.topic == stage.topics.events()));
}

/// Otherwise a handler would only log that it cannot check them.
#[tokio::test(flavor = "multi_thread")]
async fn handler_can_read_the_settings_of_its_topics() {
    let stage = stage().await;
    let config = stage.user("command-handlers");
    let planned = tokio::time::timeout(PATIENCE, diff::plan(&config, &ACCOUNT));
    let lines = planned.await.unwrap().unwrap();
    assert!(lines.iter().all(|line| line.actual.is_some()), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn edge_can_read_the_marks_of_the_handlers() {
    let edge = stage().await.user("command-api");
    let refusing = CapacityQueries::new(&edge, &ACCOUNT).refusing().await;
    assert_eq!(refusing, Ok(BTreeSet::new()));
}

/// The tracker measures the age of dead letters.
#[tokio::test(flavor = "multi_thread")]
async fn tracker_can_read_the_dead_letters_of_the_handlers() {
    let stage = stage().await;
    let (handler, tracker) = (
        stage.user("command-handlers"),
        stage.user("operations-tracker"),
    );
    let topic = stage.topics.dead_letters().to_owned();
    append(&handler, true, &topic, &[], b"letter")
        .await
        .unwrap();
    let read = spawn_blocking(move || {
        let mut client = tracker.client_config();
        client.set("group.id", format!("{PREFIX}operations-tracker"));
        let consumer: BaseConsumer = client.create().unwrap();
        let mut from = TopicPartitionList::new();
        for partition in 0..ACCOUNT.partitions {
            from.add_partition_offset(&topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&from).unwrap();
        let record = consumer.poll(PATIENCE).unwrap().unwrap();
        record.payload().map(<[u8]>::to_vec)
    });
    assert_eq!(read.await.unwrap().as_deref(), Some(&b"letter"[..]));
}
