//! Writes records as they were, with their timestamps, for the restore of a backup.
//!
//! Services never write in this way: events enter the log only in a handler's transactions.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use crate::client::config::KafkaConfig;
use crate::producer::append::headers;
use crate::producer::polled::PolledProducer;
use crate::records::record::Record;

/// Time limit of a record, from its hand-over to its acknowledgement.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Pause while the producer is full.
const FULL: Duration = Duration::from_millis(5);

/// Writer of records. Those of one partition keep their order.
pub struct TopicWriter {
    producer: PolledProducer<FirstFailure>,
}

/// The first record that was not acknowledged.
#[derive(Debug, Default)]
struct FirstFailure(Mutex<Option<KafkaError>>);

impl TopicWriter {
    /// Creates an idempotent producer.
    pub fn new(config: &KafkaConfig) -> Result<Self, KafkaError> {
        let mut client = config.client_config();
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "5")
            .set("message.max.bytes", "4194304")
            .set("message.timeout.ms", TIMEOUT.as_millis().to_string())
            .set("allow.auto.create.topics", "false");
        let producer = PolledProducer::new(&client, FirstFailure::default())?;
        Ok(Self { producer })
    }

    /// Hands a record to the producer. Blocks while the producer is full. The offset of the record
    /// is ignored.
    ///
    /// # Errors
    /// If the producer refuses the record, or an earlier record was not acknowledged.
    pub fn write(&self, record: &Record) -> Result<(), KafkaError> {
        self.check()?;
        let mut sent: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&record.topic)
            .partition(record.partition)
            .timestamp(record.timestamp.timestamp_millis())
            .headers(headers(record.headers.iter()));
        sent.key = record.key.as_deref();
        sent.payload = record.value.as_deref();
        loop {
            match self.producer.send(sent) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), full)) => {
                    std::thread::sleep(FULL);
                    sent = full;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Waits until every record is acknowledged.
    ///
    /// # Errors
    /// If one was not.
    pub fn finish(&self) -> Result<(), KafkaError> {
        if !self.producer.flush_at_once(TIMEOUT + TIMEOUT) {
            return Err(KafkaError::MessageProduction(Code::OperationTimedOut));
        }
        self.check()
    }

    fn check(&self) -> Result<(), KafkaError> {
        let failure = self.producer.client().context().0.lock();
        match &*failure.unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

impl ClientContext for FirstFailure {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client of a restore");
    }
}

impl ProducerContext for FirstFailure {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = delivered {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| error.clone());
        }
    }
}
