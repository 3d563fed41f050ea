//! A handler whose commands were trimmed begins again as if they were there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use clap::Parser as _;
use factline::{Envelope, Messages as _};
use factline_handler::Options;
use factline_kafka::tools::topic_reader::{Range, Reader};
use factline_kafka::topics::partition_of;
use factline_kafka::topics::trim::{Reached, Trimmed, trim};
use factline_kafka::{Registry, records::framing, topics::provision};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::account::{ACCOUNT, Account, Command, Deposit};
use crate::stage::{PATIENCE, Stage};

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    handler: Options,
}

/// Deposits as an edge does, each on an account of its own.
async fn deposit(stage: &Stage, accounts: std::ops::Range<u32>) {
    let registry = Registry::new(&stage.kafka.registry_url);
    let topic = stage.topics.commands();
    let schemas = registry.register_all(topic, ACCOUNT.commands);
    let schemas = schemas.await.unwrap();
    let producer: FutureProducer = stage.kafka.client_config().create().unwrap();
    for account in accounts {
        let account = format!("account-{account}");
        let command: Command = Deposit { amount: 1 }.into();
        let operation = Uuid::now_v7();
        let envelope =
            Envelope::of_command(operation, command.record(), "/test", &account, Utc::now());
        let (id, codec) = schemas.get(command.record()).unwrap();
        let value = framing::write(id, &command.encode(codec).unwrap());
        let headers = envelope.to_headers();
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let record = FutureRecord::to(topic)
            .partition(partition_of(account.as_bytes(), ACCOUNT.partitions))
            .key(&account)
            .payload(&value)
            .headers(headers);
        producer.send(record, PATIENCE).await.unwrap();
    }
}

/// How many outcomes there are.
fn outcomes(stage: &Stage) -> usize {
    let reader = Reader::open(&stage.kafka, stage.topics.outcomes(), &Range::default());
    reader.unwrap().all().unwrap().len()
}

/// A life of a handler, until there are so many outcomes.
async fn handle(stage: &Stage, count: usize) {
    let (told, mut condition) = watch::channel(Err("not started".to_owned()));
    let report: factline_handler::Report = Arc::new(move |_, condition| drop(told.send(condition)));
    let stop = CancellationToken::new();
    let running = tokio::spawn(factline_handler::run::<Account>(
        &ACCOUNT,
        stage.kafka.clone(),
        Flags::parse_from(["test"]).handler,
        report,
        stop.clone(),
    ));
    let ready = tokio::time::timeout(PATIENCE, condition.wait_for(Result::is_ok));
    let ready = ready.await.is_ok();
    assert!(ready, "the handler says {:?}", condition.borrow());
    let done = async {
        while tokio::task::block_in_place(|| outcomes(stage)) < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_goes_on_behind_what_was_trimmed() {
    let stage = Stage::new().await;
    deposit(&stage, 0..20).await;
    handle(&stage, 20).await;
    // Some come while nobody handles.
    deposit(&stage, 20..25).await;

    let all = (0..ACCOUNT.partitions).map(|partition| {
        let reached = Reached {
            identity: stage.identity.clone(),
            next_offset: i64::MAX,
        };
        (partition, reached)
    });
    let reached: BTreeMap<i32, Reached> = all.collect();
    let soon = Utc::now() + TimeDelta::minutes(1);
    let trimmed = trim(&stage.kafka, &stage.topics, &reached, soon).await;
    let records: u64 = trimmed.unwrap().iter().map(Trimmed::records).sum();
    assert_eq!(records, 20, "what was handled, and nothing else");

    provision::provision(&stage.kafka, &ACCOUNT, None)
        .await
        .unwrap();
    handle(&stage, 25).await;
    assert_eq!(outcomes(&stage), 25);
}
