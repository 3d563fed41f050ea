//! One transactional producer and the calls of one transaction, with librdkafka's errors sorted by what to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};

use crate::decide::record_factory::Outgoing;
use factline_kafka::producer::append::headers;
use factline_kafka::producer::polled::PolledProducer;

/// What became of a step of a transaction that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing of the transaction is visible, nor will be, once it is aborted; the batch can be tried again.
    #[error("transaction must be aborted: {what}")]
    Abort {
        /// The step.
        what: &'static str,
        /// Why.
        #[source]
        source: KafkaError,
    },
    /// A record is larger than the broker takes. Nothing is visible, as with [`Failure::Abort`].
    #[error("broker refuses a record of the transaction as too large")]
    TooLarge,
    /// It may have been committed or not. Whoever thought so must forget its state.
    #[error("outcome of the transaction is unknown: {what}")]
    Unknown {
        /// The step.
        what: &'static str,
        /// Why.
        #[source]
        source: KafkaError,
    },
}

/// How long one call may take before it is made again.
const CALL: Duration = Duration::from_secs(5);

/// A transactional call that took longer may have been retried inside librdkafka, and a straggler of it could
/// hit a later transaction of the same producer epoch (transactions v1; KAFKA-17754): such a producer is retired.
const SLOW: Duration = Duration::from_secs(3);

/// Minimum time between the end of a transaction and the beginning of the next one. The broker answers before it has written the
/// markers with which a transaction ends, and refuses the next one's first partition until then
/// (`CONCURRENT_TRANSACTIONS`); librdkafka asks again after a fixed 20 ms. Nothing says when the markers are there.
const REST: Duration = Duration::from_millis(1);

/// A transactional producer.
pub(crate) struct Transactions {
    producer: PolledProducer<Deliveries>,
    deliveries: Deliveries,
    /// Name of the topic of events.
    events: String,
    /// How long a transaction's calls are made again before its outcome is called unknown.
    patience: Duration,
    /// End of the last transaction.
    ended: Option<Instant>,
    /// Set when a call was slow.
    retired: bool,
}

impl Transactions {
    /// Makes the producer and aborts what its predecessor of the same `transactional.id` left open. It will write events
    /// to the topic of that name, which has so many partitions.
    pub(crate) fn begin_life(
        config: &ClientConfig,
        (events, partitions): (&str, i32),
        patience: Duration,
    ) -> KafkaResult<Self> {
        let deliveries = Deliveries::of(partitions);
        let producer = PolledProducer::new(config, deliveries.clone())?;
        let deadline = Instant::now() + patience;
        loop {
            match producer.init_transactions(CALL) {
                Ok(()) => {
                    return Ok(Self {
                        producer,
                        deliveries,
                        events: events.to_owned(),
                        patience,
                        ended: None,
                        retired: false,
                    });
                }
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && Instant::now() < deadline => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether a new producer must take over before the next transaction.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired
    }

    pub(crate) fn begin(&self) -> Result<(), Failure> {
        self.deliveries.forget();
        if let Some(rest) = self
            .ended
            .and_then(|ended| REST.checked_sub(ended.elapsed()))
        {
            std::thread::sleep(rest);
        }
        self.producer
            .begin_transaction()
            .map_err(|source| unknown("begin", source))
    }

    /// Queues a record; only waits while the queue is full.
    pub(crate) fn send(&self, record: &Outgoing) -> Result<(), Failure> {
        let headers = headers(record.headers.iter());
        let is_event = usize::from(record.topic == self.events);
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

    /// An offset of the events topic behind every event that this producer has written to a partition, and before
    /// every one that it will write; 0 if there is none. Not while a transaction is open.
    pub(crate) fn end_of_events(&self, partition: i32) -> i64 {
        let end = self.deliveries.event_end(partition);
        end.map_or(0, |end| end.load(Ordering::Acquire))
    }

    /// Waits until every record is acknowledged: what a successor must see is in the log before the offsets are sent.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        let flushed = self.producer.flush_at_once(self.patience);
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
        &mut self,
        next: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), Failure> {
        self.call("send offsets", |producer| {
            producer.send_offsets_to_transaction(next, group, CALL)
        })
    }

    /// Once asked to commit, librdkafka may want an abort and the broker have committed all the same.
    pub(crate) fn commit(&mut self) -> Result<(), Failure> {
        match self.call("commit", |producer| producer.commit_transaction(CALL)) {
            Err(Failure::Abort { what, source }) => Err(unknown(what, source)),
            Err(Failure::TooLarge) => Err(unknown("commit", KafkaError::Canceled)),
            other => other,
        }
    }

    /// Waits first for what is under way: an abort that overtakes the transaction's first records can make the
    /// producer unusable (librdkafka#4849).
    pub(crate) fn abort(&mut self) -> Result<(), Failure> {
        self.producer.flush_at_once(CALL);
        match self.call("abort", |producer| producer.abort_transaction(CALL)) {
            Err(Failure::Abort { what, source }) => Err(unknown(what, source)),
            Err(Failure::TooLarge) => Err(unknown("abort", KafkaError::Canceled)),
            other => other,
        }
    }

    /// Makes a call until it succeeds, fails for good or has used up the patience.
    fn call(
        &mut self,
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
                    if error.is_retriable() && start.elapsed() < self.patience => {}
                Err(source) => break Err(unknown(what, source)),
            }
        };
        self.retired |= start.elapsed() > SLOW;
        self.ended = Some(Instant::now());
        result
    }
}

fn abort(what: &'static str, source: KafkaError) -> Failure {
    Failure::Abort { what, source }
}

fn unknown(what: &'static str, source: KafkaError) -> Failure {
    Failure::Unknown { what, source }
}

/// Notes, from the producer's own thread, where events were written and whether the broker found a record too large.
#[derive(Clone)]
struct Deliveries {
    too_large: Arc<AtomicBool>,
    /// Of each partition, the offset behind the last event that was acknowledged.
    event_ends: Arc<[AtomicI64]>,
}

impl Deliveries {
    fn of(partitions: i32) -> Self {
        Self {
            too_large: Arc::default(),
            event_ends: (0..partitions).map(|_| AtomicI64::new(0)).collect(),
        }
    }

    fn forget(&self) {
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
