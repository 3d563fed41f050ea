//! A topic prefix on Kafka and a registry, and the records of one test.

use std::time::{Duration, Instant};

use factline::{Contract, Envelope, Messages, Outcome};
use factline_dev_servers::Servers;
use factline_kafka::producer::append::headers;
use factline_kafka::records::{decode, framing};
use factline_kafka::tools::topic_reader::{Range, Reader};
use factline_kafka::topics::provision;
use factline_kafka::{KafkaConfig, Record, Registry, Topics};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ConfigSource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{FutureProducer, FutureRecord};
use uuid::Uuid;

use crate::wait::PATIENCE;

/// Connections of one test to Kafka and the registry, with a topic prefix that no other test has.
pub struct Fixture {
    /// Connection to Kafka and the registry, with the prefix.
    pub kafka: KafkaConfig,
    /// The registry.
    pub registry: Registry,
    /// Producer of the test's own records.
    pub producer: FutureProducer,
}

/// Returns the servers that all tests of this process share, and starts them if necessary.
///
/// # Panics
/// If the servers do not start.
pub async fn servers() -> &'static Servers {
    tokio::task::spawn_blocking(Servers::shared).await.unwrap()
}

/// Returns the configuration of a process on these servers.
pub fn kafka_config(servers: &Servers, prefix: &str) -> KafkaConfig {
    KafkaConfig {
        brokers: servers.kafka.brokers(),
        registry_url: servers.registry.url(),
        topic_prefix: prefix.to_owned(),
        ..KafkaConfig::default()
    }
}

/// Appends a record with any content. Returns the refusal of Kafka or the client, if there is one.
pub async fn try_append(
    producer: &FutureProducer,
    topic: &str,
    partition: i32,
    key: &str,
    envelope: &[(&str, String)],
    value: &[u8],
) -> KafkaResult<()> {
    let record = FutureRecord::to(topic)
        .partition(partition)
        .key(key)
        .payload(value)
        .headers(headers(envelope.iter().map(|(name, value)| (name, value))));
    let sent = producer.send(record, PATIENCE).await;
    sent.map(|_| ()).map_err(|(error, _)| error)
}

impl Fixture {
    /// Creates a fixture on the shared servers.
    pub async fn new(name: &str) -> Self {
        Self::on(servers().await, name)
    }

    /// Creates a fixture on these servers.
    ///
    /// # Panics
    /// If the client cannot be created.
    pub fn on(servers: &Servers, name: &str) -> Self {
        let kafka = kafka_config(servers, &format!("{name}-{}.", Uuid::new_v4().simple()));
        let mut client = kafka.client_config();
        // Tests wait for each record, as the edge does.
        client.set("acks", "all").set("linger.ms", "0");
        let producer = client.create().unwrap();
        Self {
            registry: Registry::new(&kafka.registry_url),
            kafka,
            producer,
        }
    }

    /// Creates the topics of an aggregate, and returns their names.
    ///
    /// # Panics
    /// If they cannot be created.
    pub async fn provision(&self, contract: &'static Contract) -> Topics {
        let provisioned = provision::provision(&self.kafka, contract, None).await;
        provisioned.unwrap();
        self.kafka.topics(contract)
    }

    /// Sets these options of a topic; all others keep their values.
    ///
    /// # Panics
    /// If the broker refuses.
    pub async fn configure(&self, topic: &str, options: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.kafka.client_config().create().unwrap();
        let waiting = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let resource = ResourceSpecifier::Topic(topic);
        let described = admin.describe_configs(&[resource], &waiting).await;
        let mut kept = described.unwrap().remove(0).unwrap().entries;
        // Kafka's request replaces everything that was ever set on the topic.
        kept.retain(|entry| {
            entry.source == ConfigSource::DynamicTopic
                && options.iter().all(|(name, _)| *name != entry.name)
        });
        let kept = kept.iter().map(|entry| {
            let value = entry.value.as_deref();
            (entry.name.as_str(), value.unwrap_or_default())
        });
        let alter = kept
            .chain(options.iter().copied())
            .fold(AlterConfig::new(resource), |alter, (name, value)| {
                alter.set(name, value)
            });
        let altered = admin.alter_configs(&[alter], &waiting).await;
        altered.unwrap().remove(0).unwrap();
    }

    /// Appends a record with any content.
    ///
    /// # Panics
    /// If Kafka does not acknowledge the record.
    pub async fn append(
        &self,
        topic: &str,
        partition: i32,
        key: &str,
        envelope: &[(&str, String)],
        value: &[u8],
    ) {
        try_append(&self.producer, topic, partition, key, envelope, value)
            .await
            .unwrap();
    }

    /// Reads every committed record of a topic, in the order of each partition.
    ///
    /// # Panics
    /// If the topic cannot be read in time.
    pub async fn read(&self, topic: &str) -> Vec<Record> {
        let begin = Instant::now();
        loop {
            let (kafka, topic) = (self.kafka.clone(), topic.to_owned());
            let read = move || Reader::open(&kafka, &topic, &Range::default())?.all();
            match tokio::task::spawn_blocking(read).await.unwrap() {
                Ok(records) => return records,
                // Some tests kill the broker. Then a machine under load takes long to restart it.
                Err(error) => assert!(begin.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Reads the messages of a topic, each with its record and envelope.
    ///
    /// # Panics
    /// If the topic cannot be read in time, or a record is no such message.
    pub async fn messages<M: Messages>(&self, topic: &str) -> Vec<(Record, Envelope, M)> {
        let mut messages = Vec::new();
        for record in self.read(topic).await {
            let decoded = decode::message(&self.registry, &record).await;
            let (envelope, message) = decoded.unwrap();
            messages.push((record, envelope, message));
        }
        messages
    }

    /// Reads every outcome of an outcomes topic.
    ///
    /// # Panics
    /// If the topic cannot be read in time, or a record is no outcome.
    pub async fn outcomes(&self, topic: &str) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for record in self.read(topic).await {
            let (id, datum) = framing::read(record.value.as_deref().unwrap()).unwrap();
            let codec = self.registry.codec(id).await.unwrap();
            outcomes.push(codec.decode(datum).unwrap());
        }
        outcomes
    }
}
