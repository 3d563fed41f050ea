//! Holds: partitions whose next command cannot be read, because its schema is not fetched yet.
//!
//! A missing schema is a fault of the registry, not of the command: it was restored from an older
//! copy, or it is unavailable. So the command does not fail. Its partition waits and is fetched no
//! further, the other partitions continue, and the schema is requested in the background until
//! the registry has it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use factline::error_chain;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use tokio::runtime::Handle;
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::decide::record_factory::RecordFactory;
use crate::readiness::{Problem, Readiness};
use factline_kafka::records::registry::{self, Registry};
use factline_kafka::retry::Backoff;

/// The partitions that wait for a schema.
pub(crate) struct Holds {
    registry: Registry,
    runtime: Handle,
    held: BTreeMap<i32, Hold>,
}

struct Hold {
    schema: i32,
    step: Step,
    backoff: Backoff,
    /// The reason for which the last request has failed.
    reason: Option<String>,
}

enum Step {
    Fetching(oneshot::Receiver<Result<(), registry::Error>>),
    RetryAt(Instant),
}

impl Holds {
    /// Creates the holds of a worker, of which there are none yet. Must be called within a tokio
    /// runtime.
    pub(super) fn new(factory: &RecordFactory) -> Self {
        Self {
            registry: factory.registry.clone(),
            runtime: Handle::current(),
            held: BTreeMap::new(),
        }
    }

    /// Returns the held partitions.
    pub(super) fn partitions(&self) -> BTreeSet<i32> {
        self.held.keys().copied().collect()
    }

    /// Returns whether a partition is held.
    pub(super) fn contains(&self, partition: i32) -> bool {
        self.held.contains_key(&partition)
    }

    /// Returns whether a schema is requested at present.
    pub(super) fn are_fetching(&self) -> bool {
        let mut held = self.held.values();
        held.any(|hold| matches!(hold.step, Step::Fetching(_)))
    }

    /// Holds a partition until a schema is cached.
    pub(super) fn hold<C: ConsumerContext>(
        &mut self,
        topic: &str,
        partition: i32,
        schema: i32,
        consumer: &BaseConsumer<C>,
    ) {
        tracing::debug!(topic, partition, schema, "command waits for its schema");
        if let Err(error) = consumer.pause(&list(topic, partition)) {
            // Its records are gathered, up to the limit of a transaction.
            tracing::warn!(topic, partition, %error, "cannot pause a partition");
        }
        let hold = Hold {
            schema,
            step: self.fetch(schema),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
            reason: None,
        };
        self.held.insert(partition, hold);
    }

    /// Takes the answers of the registry. A partition continues once its schema is cached, or once
    /// it is known to be unusable.
    pub(super) fn check<C: ConsumerContext>(
        &mut self,
        topic: &str,
        consumer: &BaseConsumer<C>,
        readiness: &mut Readiness,
    ) {
        if self.held.is_empty() {
            return;
        }
        for partition in self.partitions() {
            match self.answer(partition) {
                None => {}
                Some(Ok(())) => {
                    tracing::info!(topic, partition, "partition continues: its schema is known");
                    if let Err(error) = consumer.resume(&list(topic, partition)) {
                        tracing::warn!(topic, partition, %error, "cannot resume a partition");
                    }
                    self.held.remove(&partition);
                }
                Some(Err(reason)) => {
                    tracing::warn!(topic, partition, reason, "partition is held; retrying");
                }
            }
        }
        self.report(topic, readiness);
    }

    /// Forgets partitions that were revoked.
    pub(crate) fn release(&mut self, topic: &str, partitions: &[i32], readiness: &mut Readiness) {
        if self.held.is_empty() {
            return;
        }
        for partition in partitions {
            self.held.remove(partition);
        }
        self.report(topic, readiness);
    }

    /// Returns the answer for a partition's schema, if one has arrived: the reason of a failure
    /// that passes. Sends the next request when it is due.
    fn answer(&mut self, partition: i32) -> Option<Result<(), String>> {
        let hold = self.held.get_mut(&partition)?;
        let answer = match &mut hold.step {
            Step::RetryAt(time) if Instant::now() < *time => return None,
            Step::RetryAt(_) => {
                let schema = hold.schema;
                let step = self.fetch(schema);
                self.held.get_mut(&partition)?.step = step;
                return None;
            }
            Step::Fetching(answer) => match answer.try_recv() {
                Ok(answer) => answer,
                Err(TryRecvError::Empty) => return None,
                // The request has panicked. It is sent again, and the reason is visible.
                Err(TryRecvError::Closed) => Err(registry::Error::NotCached { id: hold.schema }),
            },
        };
        match answer {
            Err(error) if error.is_transient() => {
                let reason = error_chain(&error);
                hold.reason = Some(reason.clone());
                hold.step = Step::RetryAt(Instant::now() + hold.backoff.pause());
                Some(Err(reason))
            }
            // The cache knows as well that a schema is unusable.
            Ok(()) | Err(_) => Some(Ok(())),
        }
    }

    fn fetch(&self, schema: i32) -> Step {
        let (sender, answer) = oneshot::channel();
        let registry = self.registry.clone();
        self.runtime.spawn(async move {
            // The receiver is dropped if the partition was revoked.
            let _ = sender.send(registry.codec(schema).await.map(drop));
        });
        Step::Fetching(answer)
    }

    fn report(&self, topic: &str, readiness: &mut Readiness) {
        let failed = self.held.iter().filter_map(|(partition, hold)| {
            let reason = hold.reason.as_ref()?;
            Some(format!("{topic}/{partition} waits: {reason}"))
        });
        let reasons: Vec<String> = failed.collect();
        #[expect(clippy::cast_precision_loss, reason = "a topic has few partitions")]
        metrics::gauge!("factline_handler_partitions_held", "topic" => topic.to_owned())
            .set(reasons.len() as f64);
        let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        readiness.set(Problem::Registry, reason);
    }
}

fn list(topic: &str, partition: i32) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    list
}
