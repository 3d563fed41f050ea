//! A command for every partition every 20 ms, and the time of each partition's last outcome.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use catalog_schemas::product::Command;
use factline_kafka::records::record::Record;
use factline_kafka::records::registry::SchemaIds;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{DefaultProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::load::{self, Appended};

const EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(3);

pub(super) struct Pulse {
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Commands without an outcome so far, and the first outcome of each partition.
struct Heard {
    sent: HashMap<Uuid, Instant>,
    /// Earlier commands do not count.
    since: Instant,
    first: HashMap<i32, Instant>,
}

impl Pulse {
    pub(super) async fn start(kafka: &KafkaConfig) -> Result<Self> {
        let topics = kafka.topics(&catalog_schemas::PRODUCT);
        let schemas = Registry::new(&kafka.registry_url)
            .register_all(topics.commands(), catalog_schemas::PRODUCT.commands)
            .await?;
        let producer: ThreadedProducer<DefaultProducerContext> =
            kafka.client_config().set("acks", "all").create()?;
        let consumer: BaseConsumer = kafka
            .client_config()
            .set("group.id", format!("{}pulse", kafka.topic_prefix))
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "10")
            .create()?;
        let mut from = TopicPartitionList::new();
        for partition in 0..catalog_schemas::PRODUCT.partitions {
            from.add_partition_offset(topics.outcomes(), partition, Offset::Offset(0))?;
        }
        consumer.assign(&from)?;

        let heard = Arc::new(Mutex::new(Heard {
            sent: HashMap::new(),
            since: Instant::now(),
            first: HashMap::new(),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let topic = topics.commands().to_owned();
        let beats = {
            let (heard, stop) = (Arc::clone(&heard), Arc::clone(&stop));
            std::thread::spawn(move || beat(&producer, &schemas, &topic, &heard, &stop))
        };
        let listens = {
            let (heard, stop) = (Arc::clone(&heard), Arc::clone(&stop));
            std::thread::spawn(move || listen(&consumer, &heard, &stop))
        };
        Ok(Self {
            heard,
            stop,
            threads: vec![beats, listens],
        })
    }

    /// Waits until every partition has a visible outcome of a command that was appended later.
    /// Returns the time of the last one.
    pub(super) fn everywhere_since(&self, since: Instant) -> Result<Instant> {
        {
            let mut heard = lock(&self.heard);
            heard.since = since;
            heard.first.clear();
        }
        let partitions = usize::try_from(catalog_schemas::PRODUCT.partitions)?;
        loop {
            let heard = lock(&self.heard);
            if let (Some(last), true) =
                (heard.first.values().max(), heard.first.len() == partitions)
            {
                return Ok(*last);
            }
            drop(heard);
            ensure!(since.elapsed() < PATIENCE, "a partition is stalled");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn beat(
    producer: &ThreadedProducer<DefaultProducerContext>,
    schemas: &SchemaIds,
    topic: &str,
    heard: &Mutex<Heard>,
    stop: &AtomicBool,
) {
    // One product of each partition, by its number.
    let products: Vec<usize> = (0..catalog_schemas::PRODUCT.partitions)
        .filter_map(|partition| {
            (0..10_000).find(|number| {
                let subject = load::product(*number).to_string();
                partition_of(subject.as_bytes(), catalog_schemas::PRODUCT.partitions) == partition
            })
        })
        .collect();
    for beat in 0.. {
        for number in &products {
            // The first command creates the product; the others change its price.
            let command: Command = if beat == 0 {
                load::command(load::product(*number), *number, usize::MAX)
            } else {
                load::command(load::product(*number), beat, 0)
            };
            let Ok(appended) = Appended::of(
                schemas,
                &catalog_schemas::PRODUCT,
                load::product(*number),
                &command,
            ) else {
                continue;
            };
            lock(heard).sent.insert(appended.operation, Instant::now());
            // A full queue means that the brokers are unavailable; the next beat retries.
            let _ = producer.send(appended.record(topic));
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(EVERY);
    }
}

fn listen(consumer: &BaseConsumer, heard: &Mutex<Heard>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let (record, now) = (Record::from(&message), Instant::now());
        let mut heard = lock(heard);
        let sent = heard.sent.remove(&record.operation());
        if sent.is_some_and(|sent| sent >= heard.since) {
            heard.first.entry(record.partition).or_insert(now);
        }
    }
}
