//! The bare limit: the loop alone. It consumes commands and writes two records for each, exactly
//! once, without decoding them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use factline_kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::Passed;
use crate::cpu::Cpu;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Approximate bytes of an event and of an outcome with their headers.
const RECORDS: [usize; 2] = [700, 800];

/// Passes the commands through. Its output goes to the dead-letter topic, which no process reads
/// here.
pub(crate) fn handle(kafka: &KafkaConfig, commands: usize, batch: usize) -> Result<Passed> {
    let topics = kafka.topics(&catalog_schemas::PRODUCT);
    let group = format!("{}bare", kafka.topic_prefix);
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", &group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let producer: ThreadedProducer<DefaultProducerContext> = kafka
        .client_config()
        .set("transactional.id", &group)
        .set("compression.type", "lz4")
        .set("linger.ms", "0")
        .create()?;
    producer.init_transactions(TIMEOUT)?;
    consumer.subscribe(&[topics.commands()])?;
    let payload = vec![b'x'; RECORDS[1]];
    let mut first = None;
    let mut done = 0;
    while done < commands {
        let mut next: HashMap<i32, i64> = HashMap::new();
        let mut read = Vec::with_capacity(batch);
        while read.len() < batch {
            let wait = if read.is_empty() { 100 } else { 0 };
            match consumer.poll(Duration::from_millis(wait)) {
                Some(message) => {
                    let message = message?;
                    first.get_or_insert_with(|| (Instant::now(), Cpu::spent()));
                    next.insert(message.partition(), message.offset() + 1);
                    let key = message.key().unwrap_or_default().to_vec();
                    read.push((message.partition(), key));
                }
                None => break,
            }
        }
        if read.is_empty() {
            continue;
        }
        producer.begin_transaction()?;
        for (partition, key) in &read {
            for size in RECORDS {
                let record = BaseRecord::to(topics.dead_letters())
                    .partition(*partition)
                    .key(key)
                    .payload(&payload[..size]);
                producer.send(record).map_err(|(error, _)| error)?;
            }
        }
        // The waits are shorter than the flush of the crate takes.
        while producer.in_flight_count() > 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in next {
            offsets.add_partition_offset(topics.commands(), partition, Offset::Offset(next))?;
        }
        let metadata = consumer.group_metadata().context("not in the group")?;
        producer.send_offsets_to_transaction(&offsets, &metadata, TIMEOUT)?;
        producer.commit_transaction(TIMEOUT)?;
        done += read.len();
    }
    let (begin, spent) = first.context("no commands were read")?;
    let commands = f64::from(u32::try_from(commands)?);
    Ok(Passed {
        rate: commands / begin.elapsed().as_secs_f64(),
        each: Cpu::each(spent, commands),
    })
}

/// Returns the seconds to read events and outcomes without decoding them.
pub(crate) fn read(kafka: &KafkaConfig) -> Result<f64> {
    let topics = kafka.topics(&catalog_schemas::PRODUCT);
    let begin = Instant::now();
    for topic in [topics.events(), topics.outcomes()] {
        let consumer: BaseConsumer = kafka
            .client_config()
            .set("group.id", "bare")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "5")
            .create()?;
        let mut open = 0;
        let mut from = TopicPartitionList::new();
        for partition in 0..catalog_schemas::PRODUCT.partitions {
            from.add_partition_offset(topic, partition, Offset::Offset(0))?;
            open += 1;
        }
        consumer.assign(&from)?;
        while open > 0 {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(_)) | None => {}
            }
        }
    }
    Ok(begin.elapsed().as_secs_f64())
}
