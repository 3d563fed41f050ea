//! A log of payments' events, and the sender's process on it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use factline::{Envelope, Messages as _, id};
use factline_kafka::records::registry::SchemaIds;
use factline_kafka::topics::partition_of;
use factline_kafka::topics::provision::provision;
use factline_kafka::{KafkaConfig, Registry, records::framing};
use payment_schemas::payment::Event;
use payment_schemas::{Money, PAYMENT, PaymentRefundRequested, PaymentRequested};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use uuid::Uuid;

use crate::outside::{Door, Outside};

pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Stage {
    kafka: KafkaConfig,
    schemas: SchemaIds,
    log: FutureProducer,
    pub(crate) provider: Outside,
    pub(crate) provider_door: Door,
    pub(crate) store: Outside,
    store_door: Door,
}

/// The process. It is killed when this value is dropped.
pub(crate) struct Sender {
    child: Child,
    url: String,
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stage {
    pub(crate) async fn set(name: &str) -> Self {
        let servers = tokio::task::spawn_blocking(factline_dev_servers::Servers::shared)
            .await
            .unwrap();
        let kafka = KafkaConfig {
            brokers: servers.kafka.brokers(),
            registry_url: servers.registry.url(),
            topic_prefix: format!("{name}-{}.", Uuid::new_v4().simple()),
            ..KafkaConfig::default()
        };
        provision(&kafka, &PAYMENT, None).await.unwrap();
        let topics = kafka.topics(&PAYMENT);
        let registry = Registry::new(&kafka.registry_url);
        let schemas = registry.register_all(topics.events(), PAYMENT.events).await;
        let (provider, store) = (Outside::default(), Outside::default());
        let stage = Self {
            schemas: schemas.unwrap(),
            log: kafka.client_config().set("acks", "all").create().unwrap(),
            kafka,
            provider_door: Door::open(&provider).await,
            provider,
            store_door: Door::open(&store).await,
            store,
        };
        let provisioned = stage.command().arg("provision").status().unwrap();
        assert!(provisioned.success());
        stage
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payment-sender"));
        command
            .args(["--kafka-brokers", &self.kafka.brokers])
            .args(["--registry-url", &self.kafka.registry_url])
            .args(["--topic-prefix", &self.kafka.topic_prefix])
            .args(["--instance", "a"])
            .args(["--payment-simulator-url", &self.provider_door.url()])
            .args(["--gateway-url", &self.store_door.url()])
            .stderr(Stdio::null());
        command
    }

    /// Starts the process and waits until it is ready.
    pub(crate) async fn start(&self) -> Sender {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let child = self.command().args(["--listen", &address]).spawn();
        let sender = Sender {
            child: child.unwrap(),
            url: format!("http://{address}"),
        };
        sender.until_ready().await;
        sender
    }

    /// Appends an event, as its aggregate's first of this kind; returns its id.
    pub(crate) async fn happens(
        &self,
        payment: Uuid,
        version: u64,
        event: impl Into<Event>,
    ) -> Uuid {
        let event = event.into();
        let subject = payment.to_string();
        let now = chrono::Utc::now();
        let mut envelope =
            Envelope::of_command(Uuid::nil(), event.record(), "/test", &subject, now);
        envelope.id = id::event(PAYMENT.aggregate, &subject, version);
        envelope.sequence = Some(version);
        let (schema, codec) = self.schemas.get(event.record()).unwrap();
        let value = framing::write(schema, &event.encode(codec).unwrap());
        let mut headers = OwnedHeaders::new();
        for (key, value) in &envelope.to_headers() {
            let value = Some(value);
            headers = headers.insert(Header { key, value });
        }
        let topics = self.kafka.topics(&PAYMENT);
        let record = FutureRecord::to(topics.events())
            .partition(partition_of(subject.as_bytes(), PAYMENT.partitions))
            .key(&subject)
            .payload(&value)
            .headers(headers);
        self.log.send(record, PATIENCE).await.unwrap();
        envelope.id
    }

    /// Appends an event that requires a charge for this payment.
    pub(crate) async fn wanted(&self, payment: Uuid) -> Uuid {
        let event = PaymentRequested {
            payment_id: payment,
            reference: "checkout 7".to_owned(),
            amount: money(),
            method: "card-ok".to_owned(),
        };
        self.happens(payment, 1, event).await
    }

    /// Appends an event that requires a refund of a charge.
    pub(crate) async fn unwanted(&self, payment: Uuid) -> Uuid {
        let event = PaymentRefundRequested {
            payment_id: payment,
            reference: "checkout 7".to_owned(),
            provider_reference: "ch_1".to_owned(),
            amount: money(),
            reason: "too late".to_owned(),
        };
        self.happens(payment, 3, event).await
    }
}

impl Sender {
    async fn ready(&self) -> Option<bool> {
        let answer = reqwest::get(format!("{}/health/ready", self.url)).await;
        Some(answer.ok()?.status().is_success())
    }

    pub(crate) async fn until_ready(&self) {
        eventually("the sender is ready", async || {
            self.ready().await == Some(true)
        })
        .await;
    }

    pub(crate) async fn until_unready(&self) {
        let unready = async || self.ready().await == Some(false);
        eventually("the sender says that it is not ready", unready).await;
    }

    /// Returns the value of a metric with these labels, if there is one.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> Option<String> {
        let answer = reqwest::get(format!("{}/metrics", self.url)).await.unwrap();
        let text = answer.text().await.unwrap();
        let mut lines = text.lines().filter(|line| line.starts_with(name));
        let line = lines.find(|line| labels.iter().all(|label| line.contains(label)))?;
        Some(line.rsplit(' ').next()?.to_owned())
    }
}

fn money() -> Money {
    Money {
        amount: 750,
        currency: "EUR".to_owned(),
    }
}

/// Waits for a condition, and fails with `what` if it does not become true.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
