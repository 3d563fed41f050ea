//! Appends records outside of any transaction. An append is acknowledged by all in-sync replicas,
//! or the error says whether the record may be in the log. Commands enter the log only in this way:
//! from the edge, policies, applications and the command-line tool.
//!
//! The producer is idempotent, so its internal retries write nothing twice. It is never
//! transactional: an open transaction would hold back the commands of all clients behind it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};
use tokio::sync::oneshot;

use crate::client::ffi::never_sent;
use crate::producer::polled::PolledProducer;

/// A record to append.
#[derive(Debug)]
pub struct Append<'a> {
    /// Topic, with its prefix.
    pub topic: &'a str,
    /// Partition of the key.
    pub partition: i32,
    /// The key.
    pub key: &'a [u8],
    /// Headers in their order, see [`headers`].
    pub headers: OwnedHeaders,
    /// The framed value.
    pub value: &'a [u8],
}

/// Partition and offset of an acknowledged record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
}

/// Reason why a record was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is certain that no broker has the record.
    #[error("record was not sent")]
    NotAppended(#[source] KafkaError),
    /// The record may be in the log, or may not.
    #[error("acknowledgement was lost")]
    Unknown(#[source] KafkaError),
}

impl Failure {
    /// Returns librdkafka's error.
    pub fn kafka(&self) -> &KafkaError {
        let (Self::NotAppended(error) | Self::Unknown(error)) = self;
        error
    }

    /// Returns whether the producer had no room for the record.
    fn is_full(&self) -> bool {
        self.kafka().rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
    }

    /// Returns whether the record is larger than the client or the broker takes.
    pub fn is_too_large(&self) -> bool {
        self.kafka().rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
    }
}

type Acknowledged = Result<Place, Failure>;

/// Pause between two tries while the producer is full.
const FULL: Duration = Duration::from_millis(5);

/// Producer of single records. Cheap to share behind an `Arc`.
pub struct Appender {
    config: ClientConfig,
    timeout: Duration,
    producer: RwLock<Arc<Producer>>,
}

type Producer = PolledProducer<Acknowledgements>;

/// A record that was handed to the producer.
pub struct Pending {
    producer: Arc<Producer>,
    acknowledged: oneshot::Receiver<Acknowledged>,
}

/// Time beyond the producer's own limit after which an append fails in any case.
const GRACE: Duration = Duration::from_secs(1);

impl Appender {
    /// Creates a producer whose appends end within `timeout`. It connects in the background.
    /// `client` may contain further properties; this function sets those that the guarantee needs.
    pub fn new(mut client: ClientConfig, timeout: Duration) -> Result<Self, KafkaError> {
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", timeout.as_millis().to_string())
            // A single record is sent at once; under load, records gather while a request is
            // pending.
            .set("linger.ms", "0")
            .set("allow.auto.create.topics", "false");
        let producer = RwLock::new(Arc::new(create(&client)?));
        Ok(Self {
            config: client,
            timeout,
            producer,
        })
    }

    /// Appends one record and waits for its acknowledgement, at most a second longer than the
    /// timeout.
    pub async fn append(&self, append: Append<'_>) -> Acknowledged {
        let pending = self.enqueue(append)?;
        self.acknowledged(pending).await
    }

    /// Hands a record to the producer. Records of one partition are written in the order of these
    /// calls.
    ///
    /// # Errors
    /// [`Failure::NotAppended`], with [`RDKafkaErrorCode::QueueFull`] while the producer is full.
    pub fn enqueue(&self, append: Append<'_>) -> Result<Pending, Failure> {
        self.try_enqueue(append).map_err(|refused| refused.0)
    }

    /// Hands a record to the producer, but waits while the producer is full, at most for the
    /// timeout.
    pub async fn enqueue_when_there_is_room(
        &self,
        mut append: Append<'_>,
    ) -> Result<Pending, Failure> {
        let begun = Instant::now();
        loop {
            match self.try_enqueue(append) {
                Ok(pending) => return Ok(pending),
                Err(refused) if refused.0.is_full() && begun.elapsed() < self.timeout => {
                    append = refused.1;
                    tokio::time::sleep(FULL).await;
                }
                Err(refused) => return Err(refused.0),
            }
        }
    }

    /// Hands a record to the producer. On failure the record is returned.
    fn try_enqueue<'a>(&self, append: Append<'a>) -> Result<Pending, Box<(Failure, Append<'a>)>> {
        let (sender, acknowledged) = oneshot::channel();
        let producer = self.producer();
        let record: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(append.topic, Box::new(sender))
                .partition(append.partition)
                .key(append.key)
                .headers(append.headers)
                .payload(append.value);
        match producer.send(record) {
            Ok(()) => Ok(Pending {
                producer,
                acknowledged,
            }),
            Err((error, record)) => {
                self.replace_if_broken(producer);
                let headers = record.headers.unwrap_or_default();
                let append = Append { headers, ..append };
                Err(Box::new((Failure::NotAppended(error), append)))
            }
        }
    }

    /// Waits for the acknowledgement of a record, at most a second longer than the timeout.
    pub async fn acknowledged(&self, pending: Pending) -> Acknowledged {
        let waited = tokio::time::timeout(self.timeout + GRACE, pending.acknowledged).await;
        let acknowledged = match waited {
            Ok(Ok(acknowledged)) => acknowledged,
            Ok(Err(_)) => Err(Failure::Unknown(KafkaError::Canceled)),
            Err(_) => Err(Failure::Unknown(KafkaError::MessageProduction(
                RDKafkaErrorCode::OperationTimedOut,
            ))),
        };
        if acknowledged.is_err() {
            self.replace_if_broken(pending.producer);
        }
        acknowledged
    }

    /// Returns the number of partitions of a topic; `None` if the topic does not exist. Blocks for
    /// up to `timeout`.
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

    /// Waits until no record is pending. Blocks for up to the timeout.
    pub fn flush(&self) -> Result<(), KafkaError> {
        self.producer().flush(self.timeout)
    }

    fn producer(&self) -> Arc<Producer> {
        let current = self.producer.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Replaces a producer with a fatal error. An idempotent producer whose sequence numbers are
    /// wrong refuses every later record.
    fn replace_if_broken(&self, failed: Arc<Producer>) {
        let Some((code, reason)) = failed.client().fatal_error() else {
            return;
        };
        let mut current = self
            .producer
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, &failed) {
            tracing::error!(%code, reason, "producer has a fatal error; replacing producer");
            match create(&self.config) {
                Ok(producer) => *current = Arc::new(producer),
                Err(error) => tracing::error!(%error, "cannot create producer"),
            }
        }
        drop(current);
        // Dropping the producer waits for its pending records.
        tokio::task::spawn_blocking(move || drop(failed));
    }
}

fn create(config: &ClientConfig) -> Result<Producer, KafkaError> {
    PolledProducer::new(config, Acknowledgements)
}

fn is_unknown_topic(error: RDKafkaErrorCode) -> bool {
    matches!(
        error,
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic
    )
}

/// Converts headers to those of the client.
pub fn headers<K, V>(headers: impl IntoIterator<Item = (K, V)>) -> OwnedHeaders
where
    K: AsRef<str>,
    V: AsRef<[u8]>,
{
    let headers = headers.into_iter();
    let empty = OwnedHeaders::new_with_capacity(headers.size_hint().0);
    headers.fold(empty, |headers, (key, value)| {
        headers.insert(Header {
            key: key.as_ref(),
            value: Some(value.as_ref()),
        })
    })
}

/// Context that passes each acknowledgement to the task that waits for it.
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
        // The receiver is dropped if the client has disconnected; the record stays in the log in
        // either case.
        let _ = waiting.send(acknowledged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::error::RDKafkaErrorCode;
    use rdkafka::types::RDKafkaRespErr;

    fn appender(timeout: Duration) -> Appender {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", "127.0.0.1:9");
        Appender::new(client, timeout).unwrap()
    }

    async fn append(appender: &Appender) -> Acknowledged {
        let append = Append {
            topic: "catalog.product.commands",
            partition: 0,
            key: b"p-1",
            headers: OwnedHeaders::new(),
            value: b"value",
        };
        appender.append(append).await
    }

    #[tokio::test]
    async fn unsent_record_is_not_appended() {
        let failure = append(&appender(Duration::from_millis(200))).await;
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
        let failure = append(&appender).await;
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
