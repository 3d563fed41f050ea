//! Test rig: a commands topic with handlers, and readers of the records that they write.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use clap::Parser as _;
use factline::outcome::OutcomeKind;
use factline::{Envelope, Outcome, cancel};
use factline_handler::Options;
use factline_kafka::records::record::Record;
use factline_kafka::{KafkaConfig, Topics};
use factline_testkit::commands::envelope;
use factline_testkit::{CommandTopic, Fixture, Reports};
pub(crate) use factline_testkit::{PATIENCE, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use crate::account::{ACCOUNT, Account, Command, Deposit, Event};
use crate::judge::{Judged, judge};

/// Name of the handler in its reports.
const COMPONENT: &str = "handler of ledger.account";

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    handler: Options,
}

pub(crate) struct Rig {
    /// Connection of the handlers. A test may lead it through a proxy.
    pub kafka: KafkaConfig,
    pub topics: Topics,
    pub options: Options,
    pub(crate) fixture: Fixture,
    pub(crate) commands: CommandTopic,
}

/// Handler that runs in this process.
pub(crate) struct Running {
    pub reports: Reports,
    stop: CancellationToken,
    task: JoinHandle<Result<(), factline_handler::Error>>,
}

/// Session timeout of handlers, unless a test sets another.
pub(crate) const SESSION_TIMEOUT_MS: u32 = 6_000;

fn flags(kafka: &KafkaConfig, instance: &str) -> String {
    let mut flags = vec![
        "--kafka-brokers",
        &kafka.brokers,
        "--registry-url",
        &kafka.registry_url,
        "--topic-prefix",
        &kafka.topic_prefix,
        // Small enough that every test writes snapshots.
        "--snapshot-every=25",
    ];
    if !instance.is_empty() {
        flags.extend(["--instance", instance]);
    }
    flags.join("\n")
}

fn parse(flags: &str) -> (KafkaConfig, Options) {
    let Flags { kafka, handler } = Flags::parse_from(["test"].into_iter().chain(flags.lines()));
    (kafka, handler)
}

/// Handles commands until the process is killed.
pub(crate) async fn handle_until_killed(flags: &str) {
    // The log level decides which log events the client emits, and the handler must serve all of
    // them.
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_ansi(false)
        .init();
    let (kafka, options) = parse(flags);
    let report: factline_handler::Report = Arc::new(|_, _| {});
    let stop = CancellationToken::new();
    factline_handler::run::<Account>(kafka, options, report, stop)
        .await
        .unwrap();
}

impl Rig {
    /// Creates a rig with separate topics on the shared servers.
    pub(crate) async fn new(name: &str) -> Self {
        Self::on(factline_testkit::servers().await, name).await
    }

    /// Creates a rig with separate topics on other servers.
    pub(crate) async fn on(servers: &factline_dev_servers::Servers, name: &str) -> Self {
        let fixture = Fixture::on(servers, name);
        let kafka = fixture.kafka.clone();
        let (_, options) = parse(&flags(&kafka, ""));
        Self {
            topics: fixture.provision(&ACCOUNT).await,
            commands: CommandTopic::register(&kafka, &ACCOUNT).await,
            options: Options {
                session_timeout_ms: SESSION_TIMEOUT_MS,
                ..options
            },
            kafka,
            fixture,
        }
    }

    /// Returns the options for a handler in another process.
    pub(crate) fn flags(&self, instance: &str) -> String {
        flags(&self.kafka, instance)
    }

    /// Starts a handler with an instance id and waits until it is ready.
    pub(crate) async fn start(&self, instance: &str) -> Running {
        let running = self.launch(instance);
        running.reports.until_ready(COMPONENT).await;
        running
    }

    /// Starts a handler with an instance id.
    pub(crate) fn launch(&self, instance: &str) -> Running {
        let reports = Reports::default();
        let stop = CancellationToken::new();
        let kafka = KafkaConfig {
            instance: instance.to_owned(),
            ..self.kafka.clone()
        };
        let task = tokio::spawn(factline_handler::run::<Account>(
            kafka,
            self.options.clone(),
            reports.report(),
            stop.clone(),
        ));
        Running {
            reports,
            stop,
            task,
        }
    }

    /// Appends a deposit and returns its operation.
    pub(crate) async fn deposit(&self, account: &str, amount: i64) -> Uuid {
        self.send(Uuid::now_v7(), account, &Deposit { amount }.into())
            .await
    }

    pub(crate) async fn send(&self, operation: Uuid, account: &str, command: &Command) -> Uuid {
        self.send_with(operation, account, command, |envelope| envelope)
            .await
    }

    /// Appends a command with a modified envelope.
    pub(crate) async fn send_with(
        &self,
        operation: Uuid,
        account: &str,
        command: &Command,
        more: impl FnOnce(Envelope) -> Envelope,
    ) -> Uuid {
        let envelope = more(envelope(operation, command, account));
        let producer = &self.fixture.producer;
        self.commands.send(producer, &envelope, command).await;
        operation
    }

    /// Appends a cancel of an operation, and returns its own operation.
    pub(crate) async fn cancel(&self, account: &str, operation: Uuid) -> Uuid {
        let envelope = cancel::envelope(operation, "/test", account, chrono::Utc::now());
        let producer = &self.fixture.producer;
        self.commands.cancel(producer, &envelope).await;
        envelope.operation
    }

    /// Appends a record with any content to the commands topic.
    pub(crate) async fn append(
        &self,
        partition: i32,
        key: &str,
        headers: &[(&str, String)],
        value: &[u8],
    ) {
        let (fixture, topic) = (&self.fixture, self.topics.commands());
        fixture.append(topic, partition, key, headers, value).await;
    }

    /// Waits until every operation has an outcome, and returns the outcomes.
    pub(crate) async fn outcomes_of(&self, operations: &[Uuid]) -> BTreeMap<Uuid, Outcome> {
        let wanted: HashSet<Uuid> = operations.iter().copied().collect();
        let mut found = BTreeMap::new();
        eventually("every operation has an outcome", async || {
            found = self
                .outcomes()
                .await
                .into_iter()
                .filter(|outcome| outcome.state.is_terminal())
                .map(|outcome| (outcome.operation_id, outcome))
                .collect();
            wanted.iter().all(|operation| found.contains_key(operation))
        })
        .await;
        found
    }

    /// Returns every outcome.
    pub(crate) async fn outcomes(&self) -> Vec<Outcome> {
        self.fixture.outcomes(self.topics.outcomes()).await
    }

    /// Returns the number of deadlines that were decided.
    pub(crate) async fn decided_deadlines(&self) -> usize {
        let outcomes = self.outcomes().await;
        let deadlines = outcomes
            .iter()
            .filter(|outcome| outcome.kind == OutcomeKind::Deadline);
        deadlines.count()
    }

    /// Waits until at least `count` deadlines are decided.
    pub(crate) async fn until_deadlines_decided(&self, count: usize) {
        eventually(&format!("{count} deadlines are decided"), async || {
            self.decided_deadlines().await >= count
        })
        .await;
    }

    /// Returns every event.
    pub(crate) async fn events(&self) -> Vec<(Record, Envelope, Event)> {
        self.fixture.messages(self.topics.events()).await
    }

    /// Reads every committed record of a topic, in the order of each partition.
    pub(crate) async fn read(&self, topic: &str) -> Vec<Record> {
        self.fixture.read(topic).await
    }

    /// Checks the rules for any log, see [`judge`]. Returns the balance of each account.
    pub(crate) async fn check(&self, operations: &[Uuid]) -> HashMap<String, i64> {
        let Judged { wrong, balances } = judge(self, operations, PATIENCE).await;
        assert!(wrong.is_empty(), "{wrong:#?}");
        balances
    }
}

impl Running {
    pub(crate) fn state(&self) -> Option<Result<(), String>> {
        self.reports.latest(COMPONENT)
    }

    /// Waits until the handler reports that a partition is halted.
    pub(crate) async fn until_halted(&self, partition: i32) {
        let place = format!("/{partition}");
        self.reports.until_halted(COMPONENT, &place).await;
    }

    /// Waits until the handler ends without a request to stop.
    pub(crate) async fn ended(&mut self) -> Result<(), factline_handler::Error> {
        (&mut self.task).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}
