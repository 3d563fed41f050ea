//! A handler restarts after its commands were trimmed as if they still existed.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use clap::Parser as _;
use factline_handler::Options;
use factline_kafka::topics::trim::{Reached, Trimmed, trim};
use factline_testkit::commands::envelope;
use factline_testkit::{CommandTopic, Reports, eventually};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::account::{ACCOUNT, Account, Command, Deposit};
use crate::stage::Stage;

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    handler: Options,
}

/// Sends deposits as the edge does, each to a separate account.
async fn deposit(stage: &Stage, accounts: std::ops::Range<u32>) {
    let commands = CommandTopic::register(&stage.fixture.kafka, &ACCOUNT).await;
    for account in accounts {
        let command: Command = Deposit { amount: 1 }.into();
        let envelope = envelope(Uuid::now_v7(), &command, &format!("account-{account}"));
        let producer = &stage.fixture.producer;
        commands.send(producer, &envelope, &command).await;
    }
}

/// Runs a handler until there are at least `count` outcomes.
async fn handle(stage: &Stage, count: usize) {
    let (reports, stop) = (Reports::default(), CancellationToken::new());
    let running = tokio::spawn(factline_handler::run::<Account>(
        stage.fixture.kafka.clone(),
        Flags::parse_from(["test"]).handler,
        reports.report(),
        stop.clone(),
    ));
    reports.until_ready("handler of ledger.account").await;
    eventually("every command has an outcome", async || {
        outcomes(stage).await >= count
    })
    .await;
    stop.cancel();
    running.await.unwrap().unwrap();
}

/// Returns the number of outcomes.
async fn outcomes(stage: &Stage) -> usize {
    stage.fixture.read(stage.topics.outcomes()).await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn handler_resumes_after_trimmed_commands() {
    let stage = Stage::new().await;
    deposit(&stage, 0..20).await;
    handle(&stage, 20).await;
    // Some commands arrive while no handler runs.
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
    let trimmed = trim(&stage.fixture.kafka, &stage.topics, &reached, soon).await;
    let records: u64 = trimmed.unwrap().iter().map(Trimmed::records).sum();
    assert_eq!(records, 20, "only handled commands must be trimmed");

    stage.fixture.provision(&ACCOUNT).await;
    handle(&stage, 25).await;
    assert_eq!(outcomes(&stage).await, 25);
}
