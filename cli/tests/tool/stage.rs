//! A test's own topics, their records, and the tool configured for them.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use clap::Parser as _;
use factline::{Aggregate, Envelope, Messages as _};
use factline_handler::Options;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry, Topics};
use factline_postgres::{Following, HostedView, process};
use factline_testkit::{CommandTopic, Fixture, PATIENCE, servers};
use ordering::Order;
use ordering_schemas::ORDER;
use ordering_schemas::order::Command as OrderCommand;
use ordering_schemas::{Line, Money, PlaceOrder, ShipOrder};
use serde_json::Value;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    handler: Options,
}

pub(crate) struct Stage {
    pub(crate) fixture: Fixture,
    pub(crate) topics: Topics,
    stop: CancellationToken,
}

/// A handler that runs until it is stopped, or the stage ends.
pub(crate) struct Handler {
    stop: CancellationToken,
    task: JoinHandle<Result<(), factline_handler::Error>>,
}

impl Handler {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// The result of a run of the tool.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) success: bool,
    /// The exit code; -1 if a signal has ended the tool.
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Returns the output, which must be JSON lines.
    pub(crate) fn json(&self) -> Vec<Value> {
        assert!(self.success, "{self:?}");
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Stage {
    /// Creates a stage with its own topic prefix and no topics.
    pub(crate) async fn empty(name: &str) -> Self {
        let fixture = Fixture::new(name).await;
        Self {
            topics: fixture.kafka.topics(&ORDER),
            fixture,
            stop: CancellationToken::new(),
        }
    }

    /// Creates a stage with the topics of all aggregates, created by the tool.
    pub(crate) async fn with_topics(name: &str) -> Self {
        let stage = Self::empty(name).await;
        let applied = stage.run(&["topics", "apply"]).await;
        assert!(applied.success, "{applied:?}");
        stage
    }

    /// Creates a stage with topics and a handler of orders.
    pub(crate) async fn with_handler(name: &str) -> Self {
        let stage = Self::with_topics(name).await;
        stage.handle();
        stage
    }

    /// Starts a handler of orders.
    pub(crate) fn handle(&self) -> Handler {
        self.handle_of::<Order>()
    }

    /// Starts a handler of an aggregate type.
    pub(crate) fn handle_of<A: Aggregate>(&self) -> Handler {
        let report: factline_handler::Report = Arc::new(|_, _| {});
        let (kafka, stop) = (self.fixture.kafka.clone(), self.stop.child_token());
        let options = Flags::parse_from(["test"]).handler;
        let running = factline_handler::run::<A>(kafka, options, report, stop.clone());
        Handler {
            stop,
            task: tokio::spawn(running),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let KafkaConfig {
            brokers,
            registry_url,
            topic_prefix,
            ..
        } = &self.fixture.kafka;
        let mut command = Command::new(env!("CARGO_BIN_EXE_factline"));
        command
            .args(arguments)
            .env("FACTLINE_KAFKA_BROKERS", brokers)
            .env("FACTLINE_REGISTRY_URL", registry_url)
            .env("FACTLINE_TOPIC_PREFIX", topic_prefix)
            .env("USER", "ada")
            .stdin(Stdio::null());
        command
    }

    /// Runs the tool until it exits.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output());
        ran(output.await.unwrap().unwrap())
    }

    /// Runs the tool with JSON output.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["--format", "json"], arguments].concat();
        self.run(&arguments).await.json()
    }

    /// Starts the tool, with its output piped.
    pub(crate) fn start(&self, arguments: &[&str]) -> tokio::process::Child {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Starts a view's follower on a new database. Returns the database's address.
    pub(crate) async fn follow(
        &self,
        view: HostedView,
        shutdown: &CancellationToken,
    ) -> (String, PgPool) {
        let name = format!("followed{}", Uuid::new_v4().simple());
        let servers = servers().await;
        servers.postgres.create_database(&name).unwrap();
        let url = servers.postgres.url(&name, "factline_projector");
        let pool = PgPool::connect(&url).await.unwrap();
        process::migrate(&pool, &[view]).await.unwrap();
        let kafka = self.fixture.kafka.clone();
        let with = Following {
            registry: Registry::new(&kafka.registry_url),
            kafka,
            pool: pool.clone(),
            report: Box::new(|_| {}),
            shutdown: shutdown.clone(),
        };
        tokio::spawn(async move { view.run(with).await });
        (url, pool)
    }

    /// Sends an order of tea.
    pub(crate) async fn place(&self, order: Uuid) -> Uuid {
        let price = Money {
            amount: 500,
            currency: "USD".to_owned(),
        };
        let line = Line {
            product_id: "tea".to_owned(),
            name: "Tea".to_owned(),
            unit_price: price,
            quantity: 2,
        };
        let command = PlaceOrder {
            order_id: order,
            customer_id: "eve".to_owned(),
            lines: vec![line],
        };
        self.send(order, &command.into()).await
    }

    pub(crate) async fn ship(&self, order: Uuid) -> Uuid {
        self.send(order, &ShipOrder { order_id: order }.into())
            .await
    }

    async fn send(&self, order: Uuid, command: &OrderCommand) -> Uuid {
        let operation = Uuid::now_v7();
        let envelope = Self::envelope(operation, command.record(), order);
        self.send_in(&envelope, command).await;
        operation
    }

    /// Sends a command in an envelope of the test.
    pub(crate) async fn send_in(&self, envelope: &Envelope, command: &OrderCommand) {
        let commands = CommandTopic::register(&self.fixture.kafka, &ORDER).await;
        let producer = &self.fixture.producer;
        commands.send(producer, envelope, command).await;
    }

    pub(crate) fn envelope(operation: Uuid, record: &str, order: Uuid) -> Envelope {
        let now = chrono::Utc::now();
        let envelope = Envelope::of_command(operation, record, "/foreign", &order.to_string(), now);
        Envelope {
            actor: "eve".to_owned(),
            ..envelope
        }
    }

    /// Appends any value, to the partition of its subject.
    pub(crate) async fn append(&self, topic: &str, envelope: &Envelope, value: &[u8]) {
        let key = &envelope.subject;
        let partition = partition_of(key.as_bytes(), ORDER.partitions);
        let headers = envelope.to_headers();
        self.fixture
            .append(topic, partition, key, &headers, value)
            .await;
    }
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        success: output.status.success(),
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
