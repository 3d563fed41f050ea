//! Records that a handler has written, sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use factline_kafka::KafkaConfig;
use factline_kafka::client::ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Records of each topic that are sent in turns. They differ, so that they do not compress better
/// than those of a handler.
const COUNT: usize = 5_000;

/// Events and outcomes that a handler has written.
#[derive(Clone)]
pub(crate) struct Samples(Arc<[Vec<Sample>; 2]>);

struct Sample {
    headers: OwnedHeaders,
    value: Vec<u8>,
}

impl Samples {
    /// Reads the samples from the topics of a handler that has decided commands.
    pub(crate) fn read(kafka: &KafkaConfig) -> Result<Self> {
        let topics = kafka.topics(&catalog_schemas::PRODUCT);
        let events = read(kafka, topics.events())?;
        Ok(Self(Arc::new([events, read(kafka, topics.outcomes())?])))
    }

    /// Returns the mean of the bytes of headers and values, of events and of outcomes.
    pub(crate) fn sizes(&self) -> [(f64, f64); 2] {
        let mean = |sizes: &mut dyn Iterator<Item = usize>| {
            let (mut sum, mut count) = (0, 0);
            sizes.for_each(|size| (sum, count) = (sum + size, count + 1));
            let [sum, count] = [sum, count].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            f64::from(sum) / f64::from(count)
        };
        self.0.each_ref().map(|samples| {
            let headers = mean(&mut samples.iter().map(Sample::size_of_headers));
            (
                headers,
                mean(&mut samples.iter().map(|sample| sample.value.len())),
            )
        })
    }
}

impl Sample {
    fn of(message: &BorrowedMessage<'_>) -> Result<Self> {
        Ok(Self {
            headers: message.headers().context("no headers")?.detach(),
            value: message.payload().context("no value")?.to_vec(),
        })
    }

    /// Returns the bytes of names and values, and of their lengths.
    fn size_of_headers(&self) -> usize {
        let size = |bytes: usize| bytes + if bytes < 64 { 1 } else { 2 };
        let headers = self.headers.iter();
        let sizes = headers
            .map(|header| size(header.key.len()) + size(header.value.map_or(0, <[u8]>::len)));
        sizes.sum()
    }
}

fn read(kafka: &KafkaConfig, topic: &str) -> Result<Vec<Sample>> {
    let consumer: BaseConsumer = kafka.client_config().set("group.id", "bare").create()?;
    let mut from = TopicPartitionList::new();
    for partition in 0..catalog_schemas::PRODUCT.partitions {
        // Each partition begins with the creation of aggregates.
        from.add_partition_offset(topic, partition, Offset::OffsetTail(2_000))?;
    }
    consumer.assign(&from)?;
    let mut samples = Vec::new();
    while samples.len() < COUNT {
        match consumer.poll(Duration::from_secs(5)) {
            Some(message) => samples.push(Sample::of(&message?)?),
            None => break,
        }
    }
    ensure!(!samples.is_empty(), "no records in {topic}");
    Ok(samples)
}

/// A transactional producer.
pub(super) struct Writer {
    producer: BaseProducer,
    topics: [String; 2],
    samples: Samples,
    next: AtomicUsize,
}

/// A writer whose transaction is being committed by another thread.
pub(super) struct Begun(JoinHandle<Result<Writer>>);

impl Begun {
    pub(super) fn end(self) -> Result<Writer> {
        self.0.join().ok().context("the commit has panicked")?
    }
}

impl Writer {
    pub(super) fn new(kafka: &KafkaConfig, samples: &Samples) -> Result<Self> {
        let topics = kafka.topics(&catalog_schemas::PRODUCT);
        let producer: BaseProducer<DefaultProducerContext> = kafka
            .client_config()
            .set("transactional.id", format!("bare-{}", Uuid::new_v4()))
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("delivery.report.only.error", "true")
            .create()?;
        producer.init_transactions(TIMEOUT)?;
        Ok(Self {
            producer,
            topics: [topics.events().to_owned(), topics.outcomes().to_owned()],
            samples: samples.clone(),
            next: AtomicUsize::new(0),
        })
    }

    pub(super) fn begin(&self) -> Result<()> {
        Ok(self.producer.begin_transaction()?)
    }

    /// Sends the two records of a command.
    pub(super) fn send(&self, partition: i32, key: &[u8]) -> Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        for (topic, samples) in self.topics.iter().zip(&*self.samples.0) {
            let sample = &samples[number % samples.len()];
            let mut record = BaseRecord::to(topic)
                .partition(partition)
                .key(key)
                .payload(&sample.value)
                .headers(sample.headers.clone());
            while let Err((error, again)) = self.producer.send(record) {
                match error {
                    KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => record = again,
                    error => return Err(error.into()),
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }

    pub(super) fn flush(&self) -> bool {
        ffi::flush(&self.producer, TIMEOUT)
    }

    pub(super) fn commit(
        &self,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<()> {
        self.producer
            .send_offsets_to_transaction(offsets, group, TIMEOUT)?;
        Ok(self.producer.commit_transaction(TIMEOUT)?)
    }

    /// Commits in another thread.
    pub(super) fn commit_beside(
        self,
        offsets: TopicPartitionList,
        group: ConsumerGroupMetadata,
    ) -> Begun {
        Begun(std::thread::spawn(move || {
            self.commit(&offsets, &group)?;
            Ok(self)
        }))
    }

    /// Ends a transaction without records.
    pub(super) fn abort(self) -> Result<Self> {
        self.producer.abort_transaction(TIMEOUT)?;
        Ok(self)
    }
}
