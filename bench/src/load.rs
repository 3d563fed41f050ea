//! Commands on the topic, in the form in which an edge appends them.

use std::time::{Duration, Instant};

use anyhow::Result;
use catalog_schemas::{ChangePrice, CreateProduct, Money, product::Command};
use factline::{Contract, Envelope, Messages, id};
use factline_dev_servers::Servers;
use factline_kafka::records::registry::SchemaIds;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry, records::framing};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use uuid::Uuid;

/// Returns a connection to the servers with topics of its own.
pub(crate) fn own_topics(servers: &Servers) -> KafkaConfig {
    KafkaConfig {
        brokers: servers.kafka.brokers(),
        registry_url: servers.registry.url(),
        topic_prefix: format!("bench-{}.", Uuid::new_v4().simple()),
        ..KafkaConfig::default()
    }
}

/// Time limit of a request to the brokers.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Appends this many commands about this many products, at a rate per second if there is one.
pub(crate) async fn append(
    kafka: &KafkaConfig,
    commands: usize,
    aggregates: usize,
    rate: u32,
) -> Result<()> {
    let topics = kafka.topics(&catalog_schemas::PRODUCT);
    let registry = Registry::new(&kafka.registry_url);
    let schemas = registry
        .register_all(topics.commands(), catalog_schemas::PRODUCT.commands)
        .await?;
    let producer = producer(kafka, rate == 0)?;
    let begin = Instant::now();
    for number in 0..commands {
        if rate > 0 {
            let due = Duration::from_secs_f64(f64::from(u32::try_from(number)?) / f64::from(rate));
            tokio::time::sleep_until((begin + due).into()).await;
        }
        let product = product(number % aggregates);
        let command = command(product, number, aggregates);
        let appended = Appended::of(&schemas, &catalog_schemas::PRODUCT, product, &command)?;
        send(&producer, appended.record(topics.commands()))?;
    }
    producer.flush(PATIENCE)?;
    Ok(())
}

/// Returns a producer of commands. One with a backlog gathers larger batches.
pub(crate) fn producer(
    kafka: &KafkaConfig,
    has_backlog: bool,
) -> Result<ThreadedProducer<DefaultProducerContext>> {
    let linger = if has_backlog { "20" } else { "0" };
    let mut client = kafka.client_config();
    Ok(client
        .set("acks", "all")
        .set("linger.ms", linger)
        .create()?)
}

/// Sends a record; waits while the queue is full.
pub(crate) fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    mut record: BaseRecord<'_, str, [u8]>,
) -> Result<()> {
    while let Err((error, again)) = producer.send(record) {
        match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => record = again,
            error => return Err(error.into()),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Returns the id of a product by number.
pub(crate) fn product(number: usize) -> Uuid {
    id::aggregate("catalog.product", &number.to_string())
}

/// A command in its form on the topic.
pub(crate) struct Appended {
    pub(crate) operation: Uuid,
    partition: i32,
    subject: String,
    headers: OwnedHeaders,
    value: Vec<u8>,
}

impl Appended {
    /// Creates a command to an aggregate that has this contract.
    pub(crate) fn of<M: Messages>(
        schemas: &SchemaIds,
        contract: &Contract,
        aggregate: Uuid,
        command: &M,
    ) -> Result<Self> {
        let (schema, codec) = schemas
            .get(command.record())
            .ok_or_else(|| anyhow::anyhow!("no schema of {}", command.record()))?;
        let (operation, subject, now) = (Uuid::now_v7(), aggregate.to_string(), chrono::Utc::now());
        let envelope =
            Envelope::of_command(operation, command.record(), "/bench", &subject, now).to_headers();
        let headers = envelope
            .into_iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(&value),
                })
            });
        Ok(Self {
            operation,
            partition: partition_of(subject.as_bytes(), contract.partitions),
            subject,
            headers,
            value: framing::write(schema, &command.encode(codec)?),
        })
    }

    pub(crate) fn record<'r>(&'r self, topic: &'r str) -> BaseRecord<'r, str, [u8]> {
        BaseRecord::to(topic)
            .partition(self.partition)
            .key(self.subject.as_str())
            .payload(self.value.as_slice())
            .headers(self.headers.clone())
    }
}

/// Returns a command that creates a product or changes its price.
pub(crate) fn command(product_id: Uuid, number: usize, aggregates: usize) -> Command {
    let price = Money {
        amount: i64::try_from(number).unwrap_or(i64::MAX),
        currency: "USD".to_owned(),
    };
    if number < aggregates {
        let (name, brand) = (format!("product {number}"), "bench".to_owned());
        return Command::from(CreateProduct {
            product_id,
            name,
            brand,
            price,
        });
    }
    Command::from(ChangePrice { product_id, price })
}
