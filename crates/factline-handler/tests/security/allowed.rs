//! What each user must be able to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Parser as _;
use factline::{Envelope, Messages as _, Outcome, outcome};
use factline_handler::Options;
use factline_kafka::topics::identity::topic_identity;
use factline_kafka::topics::partition_of;
use factline_kafka::topics::trim::{Reached, Trimmed, trim};
use factline_kafka::{KafkaConfig, Registry, records::framing, topics::diff};
use tokio::sync::watch;
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

/// A handler that is ready.
async fn handler(
    stage: &Stage,
) -> (
    CancellationToken,
    JoinHandle<Result<(), factline_handler::Error>>,
) {
    let (told, mut condition) = watch::channel(Err("not started".to_owned()));
    let report: factline_handler::Report = Arc::new(move |_, condition| drop(told.send(condition)));
    let stop = CancellationToken::new();
    let task = tokio::spawn(factline_handler::run::<Account>(
        &ACCOUNT,
        stage.user("command-handlers"),
        Flags::parse_from(["test"]).handler,
        report,
        stop.clone(),
    ));
    let ready = condition.wait_for(Result::is_ok);
    let ready = tokio::time::timeout(PATIENCE, ready).await.is_ok();
    assert!(ready, "the handler says {:?}", condition.borrow());
    (stop, task)
}

/// Appends a deposit as the edge does.
async fn deposit(edge: &KafkaConfig, topic: &str, amount: i64) -> Uuid {
    let registry = Registry::new(&edge.registry_url);
    let schemas = registry.register_all(topic, ACCOUNT.commands);
    let schemas = schemas.await.unwrap();
    let command: Command = Deposit { amount }.into();
    let (operation, now) = (Uuid::now_v7(), chrono::Utc::now());
    let envelope = Envelope::of_command(operation, command.record(), "/test", "ada", now);
    let (id, codec) = schemas.get(command.record()).unwrap();
    let value = framing::write(id, &command.encode(codec).unwrap());
    append(edge, true, topic, &envelope.to_headers(), &value)
        .await
        .unwrap();
    operation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_goes_all_the_way_each_step_by_its_own_user() {
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

    // A second life restores the state, for which it reads what it wrote.
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
}

#[tokio::test(flavor = "multi_thread")]
async fn people_compare_topics_with_what_they_should_be() {
    let stage = stage().await;
    let config = stage.user("factline");
    let planned = tokio::time::timeout(PATIENCE, diff::plan(&config, &ACCOUNT));
    let lines = planned.await.unwrap().unwrap();
    assert!(lines.iter().any(|line| line.topic == stage.topics.events()));
}
