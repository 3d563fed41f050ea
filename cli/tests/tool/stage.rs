//! Topics of a test's own, what stands on them, and the tool pointed at them.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use factline::{Envelope, Messages as _};
use factline_handler::Options;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry, Topics, records::framing};
use ordering::Order;
use ordering_schemas::ORDER;
use ordering_schemas::order::Command as OrderCommand;
use ordering_schemas::{Line, Money, PlaceOrder, ShipOrder};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    handler: Options,
}

pub(crate) struct Stage {
    pub(crate) kafka: KafkaConfig,
    pub(crate) topics: Topics,
    producer: FutureProducer,
    options: Options,
    stop: CancellationToken,
}

/// What the tool did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) success: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The output, which must be JSON lines.
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
    /// A prefix of its own, and nothing under it yet.
    pub(crate) async fn empty(name: &str) -> Self {
        let servers = tokio::task::spawn_blocking(dev_servers::Servers::shared)
            .await
            .unwrap();
        let prefix = format!("{name}-{}.", Uuid::new_v4().simple());
        let (brokers, url) = (servers.kafka.brokers(), servers.registry.url());
        let Flags { kafka, handler } = Flags::parse_from([
            "test",
            "--kafka-brokers",
            &brokers,
            "--registry-url",
            &url,
            "--topic-prefix",
            &prefix,
        ]);
        let producer = kafka.client_config().set("acks", "all").create().unwrap();
        Self {
            topics: kafka.topics(&ORDER),
            producer,
            kafka,
            options: handler,
            stop: CancellationToken::new(),
        }
    }

    /// Topics of all aggregates, made by the tool.
    pub(crate) async fn with_topics(name: &str) -> Self {
        let stage = Self::empty(name).await;
        let applied = stage.run(&["topics", "apply"]).await;
        assert!(applied.success, "{applied:?}");
        stage
    }

    /// Topics, and a handler of orders.
    pub(crate) async fn with_handler(name: &str) -> Self {
        let stage = Self::with_topics(name).await;
        let report: factline_handler::Report = Arc::new(|_, _| {});
        let (kafka, options, stop) = (
            stage.kafka.clone(),
            stage.options.clone(),
            stage.stop.clone(),
        );
        tokio::spawn(factline_handler::run::<Order>(
            &ORDER, kafka, options, report, stop,
        ));
        stage
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factline"));
        command
            .args(arguments)
            .env("FACTLINE_KAFKA_BROKERS", &self.kafka.brokers)
            .env("FACTLINE_REGISTRY_URL", &self.kafka.registry_url)
            .env("FACTLINE_TOPIC_PREFIX", &self.kafka.topic_prefix)
            .env("USER", "ada")
            .stdin(Stdio::null());
        command
    }

    /// Runs the tool to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output());
        ran(output.await.unwrap().unwrap())
    }

    /// The same, with output for programs.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["--format", "json"], arguments].concat();
        self.run(&arguments).await.json()
    }

    /// Starts the tool, with its output to be read.
    pub(crate) fn start(&self, arguments: &[&str]) -> tokio::process::Child {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Orders tea.
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
        let registry = Registry::new(&self.kafka.registry_url);
        let ids = registry
            .register_all(self.topics.commands(), ORDER.commands)
            .await
            .unwrap();
        let (id, codec) = ids.get(command.record()).unwrap();
        let value = framing::write(id, &command.encode(codec).unwrap());
        let operation = Uuid::now_v7();
        let envelope = Self::envelope(operation, command.record(), order);
        self.append(self.topics.commands(), &envelope, &value).await;
        operation
    }

    pub(crate) fn envelope(operation: Uuid, record: &str, order: Uuid) -> Envelope {
        let now = chrono::Utc::now();
        let envelope = Envelope::of_command(operation, record, "/foreign", &order.to_string(), now);
        Envelope {
            actor: "eve".to_owned(),
            ..envelope
        }
    }

    /// Appends whatever it is told to, on the partition of its subject.
    pub(crate) async fn append(&self, topic: &str, envelope: &Envelope, value: &[u8]) {
        let headers = envelope.to_headers();
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                let value = Some(value);
                headers.insert(Header { key, value })
            });
        let key = &envelope.subject;
        let record = FutureRecord::to(topic)
            .partition(partition_of(key.as_bytes(), ORDER.partitions))
            .key(key)
            .payload(value)
            .headers(headers);
        self.producer.send(record, PATIENCE).await.unwrap();
    }
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        success: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits until there is something; the test fails when there never is.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
