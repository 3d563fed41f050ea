//! Events of a shop for the tests: sales, each with its customer and amount.

use factline::{AggregateType, Envelope, Messages as _};
use factline_kafka::records::{framing, registry::SchemaIds};
use factline_kafka::{KafkaConfig, Record, Registry};
use factline_testkit::{PATIENCE, messages};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The aggregate type `shop.sale`.
pub(crate) struct SaleType;

impl AggregateType for SaleType {
    const NAME: &'static str = "shop.sale";
    const PARTITIONS: i32 = 4;
    type Command = Command;
    type Event = Event;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Sell")]
pub(crate) struct Sell {}

/// A sale, or a refund if the amount is negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Sold")]
pub(crate) struct Sold {
    pub(crate) customer: String,
    pub(crate) amount: i64,
}

messages! {
    pub(crate) enum Command {
        Sell = "shop.Sell": r#"{"type":"record","name":"Sell","namespace":"shop","fields":[]}"#,
    }
}

messages! {
    pub(crate) enum Event {
        Sold = "shop.Sold": r#"{"type":"record","name":"Sold","namespace":"shop","fields":[
            {"name":"customer","type":"string"},{"name":"amount","type":"long"}]}"#,
    }
}

/// Encodes sales as the handler does.
pub(crate) struct Till {
    topic: String,
    schemas: SchemaIds,
}

impl Till {
    pub(crate) async fn open(registry: &Registry, topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            schemas: registry.register_all(topic, Event::RECORDS).await.unwrap(),
        }
    }

    /// Returns the record of a sale, with its partition and sequence.
    pub(crate) fn sold(
        &self,
        partition: i32,
        sequence: u64,
        customer: &str,
        amount: i64,
    ) -> Record {
        let event = Event::from(Sold {
            customer: customer.to_owned(),
            amount,
        });
        let subject = format!("sale-{partition}-{sequence}");
        let now = factline::Timestamp::default();
        let mut envelope =
            Envelope::of_command(Uuid::new_v4(), event.record(), "/test", &subject, now);
        envelope.sequence = Some(1);
        envelope.partition_sequence = Some(sequence);
        let headers = envelope.to_headers().into_iter();
        let (schema, codec) = self.schemas.get(event.record()).unwrap();
        Record {
            topic: self.topic.clone(),
            partition,
            offset: i64::try_from(sequence).unwrap() - 1,
            timestamp: now,
            key: Some(subject.into_bytes()),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.into_bytes()))
                .collect(),
            value: Some(framing::write(schema, &event.encode(codec).unwrap())),
        }
    }

    /// Appends records to their partitions, in order.
    pub(crate) async fn append(kafka: &KafkaConfig, records: Vec<Record>) {
        let producer: BaseProducer = kafka.client_config().create().unwrap();
        let append = move || {
            for record in &records {
                let mut headers = OwnedHeaders::new();
                for (key, value) in record.headers.iter() {
                    let value = Some(value);
                    headers = headers.insert(Header { key, value });
                }
                let message = BaseRecord::to(&record.topic)
                    .partition(record.partition)
                    .key(record.key.as_ref().unwrap())
                    .payload(record.value.as_ref().unwrap())
                    .headers(headers);
                producer.send(message).map_err(|(error, _)| error).unwrap();
            }
            producer.flush(PATIENCE).unwrap();
        };
        tokio::task::spawn_blocking(append).await.unwrap();
    }
}
