//! The records in Kafka, read without any service, to check the services against.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::{Context as _, Result, bail, ensure};
use factline::outcome::{Outcome, OutcomeKind, State};
use factline::{Contract, Envelope};
use factline_kafka::records::{decode, framing};
use factline_kafka::tools::topic_reader::{Range, Reader};
use factline_kafka::{KafkaConfig, Record, Registry, Topics};
use uuid::Uuid;

use crate::system::System;

/// The topics of one aggregate type.
pub struct Log {
    /// Connection to Kafka and the registry.
    pub kafka: KafkaConfig,
    /// The names.
    pub topics: Topics,
}

/// A log that passed the checks.
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
    /// Returns the log of an aggregate in a system.
    pub fn of(system: &System, contract: &Contract) -> Self {
        let kafka = system.kafka();
        let topics = kafka.topics(contract);
        Self { kafka, topics }
    }

    /// Reads everything and checks the invariants of every log. Each command has exactly one
    /// terminal outcome, and at most one `running` outcome before it. No outcome except a
    /// deadline's is without a command. Versions and partition sequences have no gap and no
    /// duplicate.
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
                    "operation {operation} has a second running outcome, or one after its end"
                );
                continue;
            }
            ensure!(
                outcome.state.is_terminal(),
                "operation {operation} has a non-terminal outcome"
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
                "partition sequence at {place}: expected {sequence}"
            );
            let version = versions.entry(envelope.subject.clone()).or_default();
            *version += 1;
            ensure!(
                envelope.sequence == Some(*version),
                "version at {place}: expected {version}"
            );
            events.push(envelope);
        }
        Ok(History {
            commands,
            outcomes,
            events,
        })
    }

    /// Returns the commands without a terminal outcome. An outcome that cannot be decoded counts as
    /// terminal: the judge reports it.
    pub async fn open(&self) -> Result<Vec<Uuid>> {
        let commands = self.read(self.topics.commands()).await?;
        let mut open: BTreeSet<Uuid> = commands.iter().map(Record::operation).collect();
        let registry = Registry::new(&self.kafka.registry_url);
        for record in self.read(self.topics.outcomes()).await? {
            match decode::outcome(&registry, &record).await {
                Ok((_, outcome)) if outcome.state.is_terminal() => {
                    open.remove(&outcome.operation_id);
                }
                Ok(_) => {}
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(_) => {
                    open.remove(&record.operation());
                }
            }
        }
        Ok(open.into_iter().collect())
    }

    /// Reads everything committed on a topic, in order within each partition.
    pub async fn read(&self, topic: &str) -> Result<Vec<Record>> {
        let (kafka, topic) = (self.kafka.clone(), topic.to_owned());
        let read = move || Reader::open(&kafka, &topic, &Range::default())?.all();
        Ok(tokio::task::spawn_blocking(read).await??)
    }
}
