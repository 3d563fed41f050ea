//! Appending commands: acknowledged by all in-sync replicas, or an honest word about what may have become of them.
//!
//! The producer is idempotent, so a retry within it writes nothing twice. It is never transactional: an open
//! transaction would hold back everybody's commands behind it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use factline_kafka::KafkaConfig;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka_sys::{rd_kafka_message_status, rd_kafka_msg_status_t};
use tokio::sync::oneshot;

/// A record to append.
#[derive(Debug, Clone, Copy)]
pub struct Append<'a> {
    /// Topic, with its prefix.
    pub topic: &'a str,
    /// Partition of the key.
    pub partition: i32,
    /// The key.
    pub key: &'a str,
    /// Headers in their order.
    pub headers: &'a [(&'static str, String)],
    /// The framed value.
    pub value: &'a [u8],
}

/// Where an acknowledged record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
}

/// Why a record was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is certain that no broker has the record.
    #[error("record was not sent")]
    NotAppended(#[source] KafkaError),
    /// The record may be in the log, or may not.
    #[error("acknowledgement was lost")]
    Unknown(#[source] KafkaError),
}

type Acknowledged = Result<Place, Failure>;

/// Appends records. Cheap to share behind an `Arc`.
pub struct Appender {
    config: rdkafka::ClientConfig,
    timeout: Duration,
    producer: RwLock<Arc<ThreadedProducer<Acknowledgements>>>,
}

/// How long after the producer's own time limit an append is given up in any case.
const GRACE: Duration = Duration::from_secs(1);

impl Appender {
    /// A producer whose appends end within `timeout`. It connects by itself, now or later.
    pub fn new(kafka: &KafkaConfig, timeout: Duration) -> Result<Self, KafkaError> {
        let mut config = kafka.client_config();
        config
            .set("client.id", "command-api")
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", timeout.as_millis().to_string())
            // Long enough for the requests of one moment to share a batch, too short to be noticed.
            .set("linger.ms", "1")
            .set("queue.buffering.max.kbytes", "65536")
            .set("allow.auto.create.topics", "false");
        let producer = RwLock::new(Arc::new(create(&config)?));
        Ok(Self {
            config,
            timeout,
            producer,
        })
    }

    /// Appends one record and waits for its acknowledgement, at most a second longer than the time-out.
    pub async fn append(&self, append: Append<'_>) -> Acknowledged {
        let (sender, receiver) = oneshot::channel();
        let producer = self.producer();
        let record: BaseRecord<'_, str, [u8], _> =
            BaseRecord::with_opaque_to(append.topic, Box::new(sender))
                .partition(append.partition)
                .key(append.key)
                .headers(headers(append.headers))
                .payload(append.value);
        let acknowledged = match producer.send(record) {
            Err((error, _)) => Err(Failure::NotAppended(error)),
            Ok(()) => match tokio::time::timeout(self.timeout + GRACE, receiver).await {
                Ok(Ok(acknowledged)) => acknowledged,
                Ok(Err(_)) => Err(Failure::Unknown(KafkaError::Canceled)),
                Err(_) => Err(Failure::Unknown(KafkaError::MessageProduction(
                    RDKafkaErrorCode::OperationTimedOut,
                ))),
            },
        };
        if acknowledged.is_err() {
            self.replace_if_broken(producer);
        }
        acknowledged
    }

    /// The number of partitions of a topic; `None` if there is no such topic. Blocks for up to `timeout`.
    pub fn partitions(&self, topic: &str, timeout: Duration) -> Result<Option<i32>, KafkaError> {
        let metadata = self
            .producer()
            .client()
            .fetch_metadata(Some(topic), timeout)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.map(|topic| (topic.error(), topic.partitions().len())) {
            Some((None, count)) if count > 0 => Ok(i32::try_from(count).ok()),
            Some((Some(error), _)) if !is_unknown_topic(error.into()) => {
                Err(KafkaError::MetadataFetch(error.into()))
            }
            _ => Ok(None),
        }
    }

    /// Waits until nothing is under way any more. Blocks for up to the time-out.
    pub fn flush(&self) -> Result<(), KafkaError> {
        self.producer().flush(self.timeout)
    }

    fn producer(&self) -> Arc<ThreadedProducer<Acknowledgements>> {
        let current = self.producer.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// An idempotent producer that has lost count refuses everything from then on; a new one starts afresh.
    fn replace_if_broken(&self, failed: Arc<ThreadedProducer<Acknowledgements>>) {
        let Some((code, reason)) = failed.client().fatal_error() else {
            return;
        };
        let mut current = self
            .producer
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, &failed) {
            tracing::error!(%code, reason, "replaces a producer that cannot go on");
            match create(&self.config) {
                Ok(producer) => *current = Arc::new(producer),
                Err(error) => tracing::error!(%error, "cannot make a producer"),
            }
        }
        drop(current);
        // Its end waits for what it still holds.
        tokio::task::spawn_blocking(move || drop(failed));
    }
}

fn create(
    config: &rdkafka::ClientConfig,
) -> Result<ThreadedProducer<Acknowledgements>, KafkaError> {
    config.create_with_context(Acknowledgements)
}

fn is_unknown_topic(error: RDKafkaErrorCode) -> bool {
    matches!(
        error,
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic
    )
}

fn headers(headers: &[(&'static str, String)]) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(empty, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(value),
        })
    })
}

/// Hands each acknowledgement to whoever waits for it.
struct Acknowledgements;

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<oneshot::Sender<Acknowledged>>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiting: Self::DeliveryOpaque) {
        let acknowledged = match result {
            Ok(message) => Ok(Place {
                partition: message.partition(),
                offset: message.offset(),
            }),
            Err((error, message)) if never_sent(message) => {
                Err(Failure::NotAppended(error.clone()))
            }
            Err((error, _)) => Err(Failure::Unknown(error.clone())),
        };
        // Nobody waits any more if the client went away; the record stands either way.
        let _ = waiting.send(acknowledged);
    }
}

/// Whether librdkafka knows that the record is in no log.
fn never_sent(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the pointer belongs to the message, which lives until the delivery callback returns.
    #[expect(unsafe_code, reason = "rdkafka has no safe name for the status")]
    let status = unsafe { rd_kafka_message_status(message.ptr()) };
    status == rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::error::RDKafkaErrorCode;
    use rdkafka::types::RDKafkaRespErr;

    #[derive(clap::Parser)]
    struct Config {
        #[command(flatten)]
        kafka: KafkaConfig,
    }

    fn appender(timeout: Duration) -> Appender {
        let args = ["test", "--kafka-brokers", "127.0.0.1:9"];
        let config: Config = clap::Parser::try_parse_from(args).unwrap();
        Appender::new(&config.kafka, timeout).unwrap()
    }

    const APPEND: Append<'_> = Append {
        topic: "catalog.product.commands",
        partition: 0,
        key: "p-1",
        headers: &[],
        value: b"value",
    };

    #[tokio::test]
    async fn what_never_left_is_known_not_to_be_appended() {
        let failure = appender(Duration::from_millis(200)).append(APPEND).await;
        assert!(
            matches!(failure, Err(Failure::NotAppended(_))),
            "{failure:?}"
        );
    }

    #[tokio::test]
    async fn a_broken_producer_is_replaced() {
        let appender = appender(Duration::from_millis(200));
        let broken = appender.producer();
        // SAFETY: the handle lives as long as `broken`, the reason is a C string.
        #[expect(unsafe_code, reason = "librdkafka's own way to test for this")]
        unsafe {
            rdkafka_sys::rd_kafka_test_fatal_error(
                broken.client().native_ptr(),
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                c"a test".as_ptr(),
            );
        }
        let failure = appender.append(APPEND).await;
        assert_eq!(
            failure,
            Err(Failure::NotAppended(KafkaError::MessageProduction(
                RDKafkaErrorCode::Fatal
            )))
        );
        assert!(!Arc::ptr_eq(&broken, &appender.producer()));
        assert!(appender.producer().client().fatal_error().is_none());
    }
}
