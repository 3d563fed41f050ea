//! The bare limit of a command handler: the loop alone, through the cheapest calls of librdkafka.
//!
//! It reads the same commands and writes two records for each in one transaction with the offsets:
//! an event and an outcome that a handler has really written, with their headers and values, under
//! the key of the command. It decodes nothing and decides nothing. A map counts the commands of
//! each key, in place of states.
//!
//! - [`reader`] consumes in batches
//! - [`writer`] sends, with reports of failed deliveries only
//!
//! With one producer, the loop rests between two transactions, as the handler does: without that,
//! many transactions wait for librdkafka's retry after 20 ms. With two producers, the second is
//! filled and flushed while a thread sends the offsets of the first and commits.

mod reader;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use factline_kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use self::reader::Reader;
pub(crate) use self::writer::Samples;
use self::writer::{Begun, Writer};
use crate::Passed;
use crate::cpu::Cpu;

/// Rest between two transactions of one producer.
const REST: Duration = Duration::from_millis(1);

/// The form of the loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// Maximum number of commands in a transaction.
    pub(crate) cap: usize,
    /// Threads, each with its own partitions.
    pub(crate) workers: usize,
    /// Producers of each worker: 1 or 2.
    pub(crate) producers: usize,
}

/// Passes the commands through. `to` is a connection with topics of its own for the output.
pub(crate) fn handle(
    from: &KafkaConfig,
    to: &KafkaConfig,
    samples: &Samples,
    commands: usize,
    form: Form,
) -> Result<Passed> {
    let count = catalog_schemas::PRODUCT.partitions;
    let done = Arc::new(AtomicUsize::new(0));
    let mut workers = Vec::new();
    // All of them are created before the first begins.
    for worker in 0..form.workers {
        let worker = i32::try_from(worker)?;
        let step = i32::try_from(form.workers)?;
        let partitions = (0..count).filter(|partition| partition % step == worker);
        let writers = (0..form.producers).map(|_| Writer::new(to, samples));
        workers.push(Worker {
            reader: Reader::new(from, partitions)?,
            writers: writers.collect::<Result<_>>()?,
            done: Arc::clone(&done),
            counts: HashMap::new(),
            waited: 0,
            transactions: 0,
        });
    }
    let (begin, spent) = (Instant::now(), Cpu::spent());
    let threads = workers.into_iter().map(|mut worker| {
        std::thread::spawn(move || {
            worker.run(commands, form.cap)?;
            anyhow::Ok((worker.waited, worker.transactions))
        })
    });
    let threads: Vec<_> = threads.collect();
    let (mut waited, mut transactions) = (0, 0);
    for thread in threads {
        let ended = thread.join().ok().context("the loop has panicked")??;
        waited += ended.0;
        transactions += ended.1;
    }
    let commands = f64::from(u32::try_from(commands)?);
    Ok(Passed {
        rate: commands / begin.elapsed().as_secs_f64(),
        each: Cpu::each(spent, commands),
        waited: f64::from(waited) / f64::from(transactions),
        batch: commands / f64::from(transactions),
    })
}

struct Worker {
    reader: Reader,
    writers: Vec<Writer>,
    done: Arc<AtomicUsize>,
    counts: HashMap<Vec<u8>, u32>,
    /// Transactions whose records were acknowledged only after librdkafka's retry.
    waited: u32,
    transactions: u32,
}

impl Worker {
    fn run(&mut self, commands: usize, cap: usize) -> Result<()> {
        let mut committing: Option<Begun> = None;
        while self.done.load(Ordering::Relaxed) < commands {
            let writer = self.writers.remove(0);
            writer.begin()?;
            let (mut read, mut next) = (0, HashMap::new());
            while read < cap {
                let wait = if read == 0 { 20 } else { 0 };
                let found = self
                    .reader
                    .batch(cap - read, wait, |partition, offset, key| {
                        next.insert(partition, offset + 1);
                        match self.counts.get_mut(key) {
                            Some(count) => *count += 1,
                            None => drop(self.counts.insert(key.to_vec(), 1)),
                        }
                        writer.send(partition, key)
                    })?;
                read += found;
                // Others may have read the last command, and the previous one is to end.
                if found == 0 {
                    break;
                }
            }
            let flushed = Instant::now();
            ensure!(read == 0 || writer.flush(), "records are not acknowledged");
            self.waited += u32::from(flushed.elapsed() >= Duration::from_millis(19));
            if let Some(before) = committing.take() {
                self.writers.push(before.end()?);
            }
            if read == 0 {
                self.writers.insert(0, writer.abort()?);
                continue;
            }
            self.transactions += 1;
            let mut offsets = TopicPartitionList::new();
            for (partition, next) in next {
                let topic = self.reader.topic();
                offsets.add_partition_offset(topic, partition, Offset::Offset(next))?;
            }
            let group = self.reader.group()?;
            if self.writers.is_empty() {
                writer.commit(&offsets, &group)?;
                self.writers.push(writer);
                std::thread::sleep(REST);
            } else {
                committing = Some(writer.commit_beside(offsets, group));
            }
            self.done.fetch_add(read, Ordering::Relaxed);
        }
        if let Some(before) = committing {
            self.writers.push(before.end()?);
        }
        Ok(())
    }
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
