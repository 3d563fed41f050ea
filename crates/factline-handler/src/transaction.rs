//! The transactional producer and the calls of one transaction. It classifies librdkafka's errors
//! by the reaction that they need.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};

use crate::decide::encode::Outgoing;
use factline_kafka::producer::append::headers;
use factline_kafka::producer::polled::PolledProducer;

/// Failure of a step of a transaction.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Once the transaction is aborted, nothing of it is visible or becomes visible; the batch can
    /// be retried.
    #[error("transaction must be aborted: {what}")]
    Abort {
        /// The step.
        what: &'static str,
        /// The cause.
        #[source]
        source: KafkaError,
    },
    /// A record is larger than the broker accepts. Nothing is visible, as with [`Failure::Abort`].
    #[error("transaction must be aborted: a record is too large for the broker")]
    TooLarge,
    /// The commit may have succeeded. Discard the in-memory state and recover.
    #[error("outcome of the transaction is unknown: {what}")]
    Unknown {
        /// The step.
        what: &'static str,
        /// The cause.
        #[source]
        source: KafkaError,
    },
}

impl Failure {
    /// Creates the failure of a commit whose thread has panicked.
    pub(crate) fn panicked() -> Self {
        unknown(
            "the thread of the commit has panicked",
            KafkaError::Canceled,
        )
    }
}

/// Timeout of one call before it is retried.
const CALL: Duration = Duration::from_secs(5);

/// A transactional call that takes longer may have been retried inside librdkafka. A late copy of
/// it could affect a later transaction of the same producer epoch (transactions v1; KAFKA-17754).
/// Such a producer is retired.
const SLOW: Duration = Duration::from_secs(3);

/// Minimum time between the end of a transaction and the beginning of the next one. The broker
/// answers before it has written the markers that end a transaction. Until then it refuses the
/// first partition of the next transaction (`CONCURRENT_TRANSACTIONS`), and librdkafka retries
/// after a fixed 20 ms. No request tells when the markers have been written.
const REST: Duration = Duration::from_millis(1);

/// A transactional producer.
pub(crate) struct Transactions {
    producer: PolledProducer<Deliveries>,
    deliveries: Deliveries,
    /// Name of the topic of events.
    events: String,
    /// Time for which a transaction's calls are retried before its outcome counts as unknown.
    timeout: Duration,
    /// End of the last transaction.
    ended: Mutex<Option<Instant>>,
    /// Set when a call was slow.
    retired: AtomicBool,
}

impl Transactions {
    /// Creates the producer and aborts the open transaction of its predecessor with the same
    /// `transactional.id`. `events` is the topic of events, and `partitions` the number of its
    /// partitions.
    pub(crate) fn init(
        config: &ClientConfig,
        events: &str,
        partitions: i32,
        timeout: Duration,
    ) -> KafkaResult<Self> {
        let deliveries = Deliveries::of(partitions);
        let producer = PolledProducer::new(config, deliveries.clone())?;
        let deadline = Instant::now() + timeout;
        loop {
            match producer.init_transactions(CALL) {
                Ok(()) => {
                    return Ok(Self {
                        producer,
                        deliveries,
                        events: events.to_owned(),
                        timeout,
                        ended: Mutex::new(None),
                        retired: AtomicBool::new(false),
                    });
                }
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && Instant::now() < deadline => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns whether a new producer must take over before the next transaction.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    pub(crate) fn begin(&self) -> Result<(), Failure> {
        self.deliveries.reset();
        let ended = *self.ended();
        if let Some(rest) = ended.and_then(|ended| REST.checked_sub(ended.elapsed())) {
            std::thread::sleep(rest);
        }
        self.producer
            .begin_transaction()
            .map_err(|source| unknown("begin", source))
    }

    /// Queues a record; waits only while the queue is full.
    pub(crate) fn send(&self, record: &Outgoing) -> Result<(), Failure> {
        let headers = headers(record.headers.iter());
        let is_event = usize::from(*record.topic == *self.events);
        let mut message = BaseRecord::with_opaque_to(&record.topic, is_event)
            .partition(record.partition)
            .key(&record.key)
            .payload(&record.value)
            .timestamp(record.time.timestamp_millis())
            .headers(headers);
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    message = again;
                    self.producer.flush_at_once(Duration::from_millis(100));
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                    return Err(Failure::TooLarge);
                }
                Err((source, _)) => return Err(abort("send", source)),
            }
        }
    }

    /// Returns an offset of the events topic after every event that this producer has written to a
    /// partition, and before every event that it will write. 0 if it has written none. Must not be
    /// called while a transaction is open.
    pub(crate) fn end_of_events(&self, partition: i32) -> i64 {
        let end = self.deliveries.event_end(partition);
        end.map_or(0, |end| end.load(Ordering::Acquire))
    }

    /// Waits until every record is acknowledged: what a successor must see is in the log before the
    /// offsets are sent.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        let flushed = self.producer.flush_at_once(self.timeout);
        if self.deliveries.too_large() {
            return Err(Failure::TooLarge);
        }
        if flushed {
            Ok(())
        } else {
            Err(abort(
                "flush",
                KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut),
            ))
        }
    }

    pub(crate) fn send_offsets(
        &self,
        next: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), Failure> {
        self.call("send offsets", |producer| {
            producer.send_offsets_to_transaction(next, group, CALL)
        })
    }

    /// Commits. After a commit request, librdkafka may require an abort although the broker has
    /// committed. So that failure is unknown.
    pub(crate) fn commit(&self) -> Result<(), Failure> {
        match self.call("commit", |producer| producer.commit_transaction(CALL)) {
            Err(Failure::Abort { what, source }) => Err(unknown(what, source)),
            Err(Failure::TooLarge) => Err(unknown("commit", KafkaError::Canceled)),
            other => other,
        }
    }

    /// Aborts. Waits first for pending records: an abort that overtakes the transaction's first
    /// records can make the producer unusable (librdkafka#4849).
    pub(crate) fn abort(&self) -> Result<(), Failure> {
        self.producer.flush_at_once(CALL);
        match self.call("abort", |producer| producer.abort_transaction(CALL)) {
            Err(Failure::Abort { what, source }) => Err(unknown(what, source)),
            Err(Failure::TooLarge) => Err(unknown("abort", KafkaError::Canceled)),
            other => other,
        }
    }

    /// Returns the end of the last transaction.
    fn ended(&self) -> MutexGuard<'_, Option<Instant>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Retries a call until it succeeds, fails permanently or exceeds the timeout.
    fn call(
        &self,
        what: &'static str,
        call: impl Fn(&BaseProducer<Deliveries>) -> KafkaResult<()>,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        let result = loop {
            match call(&self.producer) {
                Ok(()) => break Ok(()),
                Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => {
                    break if self.deliveries.too_large() {
                        Err(Failure::TooLarge)
                    } else {
                        Err(abort(what, KafkaError::Transaction(error)))
                    };
                }
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && start.elapsed() < self.timeout => {}
                Err(source) => break Err(unknown(what, source)),
            }
        };
        if start.elapsed() > SLOW {
            self.retired.store(true, Ordering::Release);
        }
        *self.ended() = Some(Instant::now());
        result
    }
}

fn abort(what: &'static str, source: KafkaError) -> Failure {
    Failure::Abort { what, source }
}

fn unknown(what: &'static str, source: KafkaError) -> Failure {
    Failure::Unknown { what, source }
}

/// Delivery results, recorded on the producer's thread: the end offsets of events, and whether a
/// record was too large for the broker.
#[derive(Clone)]
struct Deliveries {
    too_large: Arc<AtomicBool>,
    /// For each partition, the offset after the last acknowledged event.
    event_ends: Arc<[AtomicI64]>,
}

impl Deliveries {
    fn of(partitions: i32) -> Self {
        Self {
            too_large: Arc::default(),
            event_ends: (0..partitions).map(|_| AtomicI64::new(0)).collect(),
        }
    }

    fn reset(&self) {
        self.too_large.store(false, Ordering::Release);
    }

    fn too_large(&self) -> bool {
        self.too_large.load(Ordering::Acquire)
    }

    fn event_end(&self, partition: i32) -> Option<&AtomicI64> {
        self.event_ends.get(usize::try_from(partition).ok()?)
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    /// 1 for an event.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, is_event: usize) {
        match result {
            Ok(message) if is_event == 1 => {
                if let Some(end) = self.event_end(message.partition()) {
                    end.fetch_max(message.offset() + 1, Ordering::Release);
                }
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                self.too_large.store(true, Ordering::Release);
            }
            _ => {}
        }
    }
}
