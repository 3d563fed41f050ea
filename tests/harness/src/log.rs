//! What stands in Kafka, read past all services: the judge of what they say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use factline::outcome::{Outcome, OutcomeKind, State};
use factline::{Contract, Envelope};
use factline_kafka::{KafkaConfig, Record, Registry, Topics, records::framing};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::system::System;

/// The topics of one aggregate type.
pub struct Log {
    /// How to reach Kafka and the registry.
    pub kafka: KafkaConfig,
    /// The names.
    pub topics: Topics,
    contract: &'static Contract,
}

/// A log that was found in order.
#[derive(Debug)]
pub struct History {
    /// Commands appended, by operation.
    pub commands: HashSet<Uuid>,
    /// The end of each operation.
    pub outcomes: BTreeMap<Uuid, Outcome>,
    /// Envelopes of the events.
    pub events: Vec<Envelope>,
}

impl Log {
    /// The log of an aggregate in a system.
    pub fn of(system: &System, contract: &'static Contract) -> Self {
        let kafka = system.kafka();
        let topics = kafka.topics(contract);
        Self {
            kafka,
            topics,
            contract,
        }
    }

    /// Reads everything and checks what must be true of every log: each command has just one end, and has run before it
    /// once at most; no outcome is without a command but those of deadlines; and versions and partition sequences have no hole and no repetition.
    pub async fn check(&self) -> Result<History> {
        let commands: Vec<Uuid> = self
            .read(self.topics.commands())
            .await?
            .iter()
            .map(Record::operation)
            .collect();
        let commands: HashSet<Uuid> = commands.into_iter().collect();
        let registry = Registry::new(&self.kafka.registry_url);
        let (mut outcomes, mut running) = (BTreeMap::new(), HashSet::new());
        for record in self.read(self.topics.outcomes()).await? {
            let (id, datum) = framing::read(
                record
                    .value
                    .as_deref()
                    .context("an outcome without value")?,
            )?;
            let outcome: Outcome = registry.codec(id).await?.decode(datum)?;
            let operation = outcome.operation_id;
            ensure!(
                outcome.kind == OutcomeKind::Deadline || commands.contains(&operation),
                "operation {operation} has an outcome and no command"
            );
            if outcome.state == State::Running {
                ensure!(
                    running.insert(operation) && !outcomes.contains_key(&operation),
                    "operation {operation} runs twice, or after its end"
                );
                continue;
            }
            ensure!(
                outcome.state.is_terminal(),
                "operation {operation} has an outcome that ends nothing"
            );
            if let Some(first) = outcomes.insert(operation, outcome) {
                bail!("operation {operation} has two outcomes, first {first:?}");
            }
        }
        if let Some(open) = commands
            .iter()
            .find(|operation| !outcomes.contains_key(operation))
        {
            bail!("operation {open} has no outcome");
        }
        let mut sequences: HashMap<i32, u64> = HashMap::new();
        let mut versions: HashMap<String, u64> = HashMap::new();
        let mut events = Vec::new();
        for record in self.read(self.topics.events()).await? {
            let envelope = record.envelope()?;
            let place = record.place();
            let sequence = sequences.entry(record.partition).or_default();
            *sequence += 1;
            ensure!(
                envelope.partition_sequence == Some(*sequence),
                "partition sequence at {place} is not {sequence}"
            );
            let version = versions.entry(envelope.subject.clone()).or_default();
            *version += 1;
            ensure!(
                envelope.sequence == Some(*version),
                "version at {place} is not {version}"
            );
            events.push(envelope);
        }
        Ok(History {
            commands,
            outcomes,
            events,
        })
    }

    /// Everything committed on a topic, in order within each partition.
    pub async fn read(&self, topic: &str) -> Result<Vec<Record>> {
        let (kafka, topic, partitions) = (
            self.kafka.clone(),
            topic.to_owned(),
            self.contract.partitions,
        );
        tokio::task::spawn_blocking(move || read(&kafka, &topic, partitions)).await?
    }
}

fn read(kafka: &KafkaConfig, topic: &str, partitions: i32) -> Result<Vec<Record>> {
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", "judge")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut from = TopicPartitionList::new();
    for partition in 0..partitions {
        from.add_partition_offset(topic, partition, Offset::Offset(0))?;
    }
    consumer.assign(&from)?;
    let mut open: HashSet<i32> = (0..partitions).collect();
    let mut records = Vec::new();
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => records.push(Record::from(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
    Ok(records)
}
