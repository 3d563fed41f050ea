//! The partitions that a worker owns, and the rebalances that change them.
//!
//! Rebalances are served inside `poll` only, and the worker never polls while a transaction is open: so when a
//! revocation is answered, every transaction that touched the partition has ended. What leaves is dropped here at
//! once, with the records that were fetched and not handled: the broker would let a member of the right generation
//! commit for a partition that it no longer owns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use factline::Aggregate;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::membership::{Membership, membership};
use super::outgoing::Wire;
use super::partition::Partition;
use super::restore::{self, restore};
use super::{Report, chain, meters};
use crate::config::KafkaConfig;
use crate::record::Record;

/// What is owned at this moment.
#[derive(Debug)]
pub(super) struct Owned<A> {
    pub(super) partitions: HashMap<i32, Partition<A>>,
    /// Records fetched and not yet handled, in order within each partition.
    pub(super) pending: Vec<Record>,
    /// Partitions that are assigned and not consumed, until somebody mends what is said here.
    blocked: HashMap<i32, String>,
    joined: bool,
    /// The member id with which the partitions came.
    member: Option<String>,
    /// Why nothing gets done at present, though partitions are owned.
    trouble: Option<String>,
    /// Why this consumer is of no more use.
    broken: Option<String>,
}

/// The consumer's context: it answers rebalances.
pub(super) struct Ownership<A> {
    owned: Mutex<Owned<A>>,
    kafka: KafkaConfig,
    wire: Arc<Wire>,
    runtime: tokio::runtime::Handle,
    window: TimeDelta,
    report: Report,
    component: String,
    stop: CancellationToken,
}

const TIMEOUT: Duration = Duration::from_secs(10);

/// How long partitions are tried to be restored with one consumer, before another is made.
const TAKE_OVER: Duration = Duration::from_secs(45);

impl<A: Aggregate> Ownership<A> {
    pub(super) fn new(
        kafka: &KafkaConfig,
        wire: &Arc<Wire>,
        window: TimeDelta,
        (component, report): (&str, &Report),
        stop: &CancellationToken,
    ) -> Self {
        let owned = Owned {
            partitions: HashMap::new(),
            pending: Vec::new(),
            blocked: HashMap::new(),
            joined: false,
            member: None,
            trouble: None,
            broken: None,
        };
        Self {
            owned: Mutex::new(owned),
            kafka: kafka.clone(),
            wire: Arc::clone(wire),
            runtime: tokio::runtime::Handle::current(),
            window,
            report: Arc::clone(report),
            component: component.to_owned(),
            stop: stop.clone(),
        }
    }

    /// Never hold it while polling.
    pub(super) fn owned(&self) -> MutexGuard<'_, Owned<A>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the worker has to end, if it has.
    pub(super) fn broken(&self) -> Option<String> {
        self.owned().broken.clone()
    }

    fn break_off(&self, reason: String) {
        tracing::error!(
            topic = self.wire.topics.commands(),
            reason,
            "the consumer is given up"
        );
        self.owned().broken = Some(reason);
    }

    /// Whether the partitions came to this member. A static member that the group forgot joins again under a new id
    /// without giving back what it had: what it believes may be old.
    pub(super) fn is_member(&self, membership: &Membership) -> bool {
        let known = self.owned().member.as_ref() == Some(&membership.member);
        if !known {
            self.break_off("the group knows this member under another id".to_owned());
        }
        known
    }

    /// Says why nothing gets done, or that it does again.
    pub(super) fn trouble(&self, reason: Option<String>) {
        self.owned().trouble = reason;
        self.tell();
    }

    /// This process's slot.
    pub(super) fn instance(&self) -> &str {
        &self.kafka.instance
    }

    pub(super) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        tracing::info!(
            topic = self.wire.topics.commands(),
            ?partitions,
            "partitions assigned"
        );
        (self.report)(
            &self.component,
            Err(format!("restoring partitions {partitions:?}")),
        );
        let starts = self.take_over_patiently(consumer, partitions);
        // All of them, since librdkafka waits until what it gave was taken and given back. Those that are stopped
        // start at their end: what they deliver is passed over in the worker's `gather`, and never committed.
        let mut assignment = TopicPartitionList::new();
        for partition in partitions {
            let start = starts
                .get(partition)
                .copied()
                .map_or(Offset::End, Offset::Offset);
            let _ = assignment.add_partition_offset(self.wire.topics.commands(), *partition, start);
        }
        if let Err(error) = consumer.incremental_assign(&assignment) {
            self.break_off(format!("restored partitions cannot be assigned: {error}"));
        }
        let member = membership(consumer).map(|membership| membership.member);
        let mut owned = self.owned();
        let renamed = owned.member.is_some()
            && owned.member != member
            && owned.partitions.len() > starts.len();
        owned.member = member;
        owned.joined = true;
        drop(owned);
        if renamed {
            self.break_off("the group knows this member under another id".to_owned());
        }
        self.tell();
    }

    /// Tries until it succeeds, for as long as it makes sense with this consumer.
    fn take_over_patiently(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &[i32],
    ) -> HashMap<i32, i64> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(100);
        while !self.stop.is_cancelled() {
            match self.take_over(consumer, partitions) {
                Ok(starts) => return starts,
                Err(error) => {
                    let (topic, error) = (self.wire.topics.commands(), chain(&error));
                    tracing::warn!(topic, error, "restore is tried again");
                    if start.elapsed() > TAKE_OVER {
                        self.break_off(format!(
                            "restoring partitions {partitions:?} does not succeed: {error}"
                        ));
                        break;
                    }
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(5));
        }
        HashMap::new()
    }

    /// Restores partitions; answers, of those that can be handled, the offset where their commands start.
    fn take_over(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &[i32],
    ) -> Result<HashMap<i32, i64>, restore::Error> {
        let topic = self.wire.topics.commands();
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            asked.add_partition(topic, *partition);
        }
        // Stable offsets: the consumer reads committed, so this waits for open transactions that hold one.
        let committed = consumer
            .committed_offsets(asked, TIMEOUT)
            .map_err(|source| restore::Error::Kafka {
                what: "read the group's stable offsets",
                source,
            })?;
        let restored = restore::<A>(
            &self.kafka,
            &self.wire,
            &self.runtime,
            partitions,
            self.window,
            &self.stop,
        )?;
        let ends = restore::log_ends(&self.kafka, topic, partitions)?;
        let mut owned = self.owned();
        let mut starts = HashMap::new();
        for (partition, restored) in restored {
            let committed = committed.find_partition(topic, partition);
            if let Some(Err(source)) = committed
                .as_ref()
                .map(rdkafka::topic_partition_list::TopicPartitionListElem::error)
            {
                return Err(restore::Error::Kafka {
                    what: "read the group's offset",
                    source,
                });
            }
            let (low, high) = ends.get(&partition).copied().unwrap_or((0, 0));
            match (restored, committed.map(|place| place.offset())) {
                (Err(poison), _) => owned.block(topic, partition, chain(&poison)),
                (Ok(mut state), Some(Offset::Offset(offset))) if (low..=high).contains(&offset) => {
                    state.ready(offset);
                    starts.insert(partition, offset);
                    owned.blocked.remove(&partition);
                    owned.partitions.insert(partition, state);
                }
                (Ok(_), Some(Offset::Offset(offset))) => {
                    let reason =
                        format!("its group's offset {offset} is outside of {low} to {high}");
                    owned.block(topic, partition, reason);
                }
                (Ok(_), _) => {
                    owned.block(
                        topic,
                        partition,
                        "its group has no committed offset there".to_owned(),
                    );
                }
            }
        }
        Ok(starts)
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        let lost = consumer.assignment_lost();
        tracing::info!(
            topic = self.wire.topics.commands(),
            ?partitions,
            lost,
            "partitions revoked"
        );
        let mut leaving = TopicPartitionList::new();
        {
            let mut owned = self.owned();
            for partition in partitions {
                leaving.add_partition(self.wire.topics.commands(), *partition);
                owned.partitions.remove(partition);
                owned.blocked.remove(partition);
            }
            owned
                .pending
                .retain(|record| !partitions.contains(&record.partition));
        }
        if let Err(error) = consumer.incremental_unassign(&leaving) {
            self.break_off(format!("revoked partitions cannot be unassigned: {error}"));
        }
        self.tell();
    }

    /// Reports what is owned and what is not.
    pub(super) fn tell(&self) {
        let owned = self.owned();
        let topic = self.wire.topics.commands();
        metrics::gauge!("factline_handler_partitions_blocked", "topic" => topic.to_owned()).set(
            f64::from(u32::try_from(owned.blocked.len()).unwrap_or(u32::MAX)),
        );
        let mut reasons: Vec<String> = owned
            .blocked
            .iter()
            .map(|(partition, reason)| format!("{topic}/{partition} is stopped: {reason}"))
            .collect();
        reasons.extend(owned.trouble.clone());
        let state = match (owned.joined, reasons.is_empty()) {
            (false, _) => Err("waiting for an assignment of partitions".to_owned()),
            (true, true) => Ok(()),
            (true, false) => Err(reasons.join("; ")),
        };
        drop(owned);
        (self.report)(&self.component, state);
    }
}

impl<A> Owned<A> {
    fn block(&mut self, topic: &str, partition: i32, reason: String) {
        tracing::error!(
            topic,
            partition,
            reason,
            "partition is stopped until this is mended; others go on"
        );
        self.blocked.insert(partition, reason);
    }
}

impl<A: Aggregate> ClientContext for Ownership<A> {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka consumer");
    }

    fn stats(&self, statistics: Statistics) {
        meters::tell_lag(&self.owned(), self.wire.topics.commands(), &statistics);
    }
}

impl<A: Aggregate> ConsumerContext for Ownership<A> {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        changed: &mut TopicPartitionList,
    ) {
        let partitions: Vec<i32> = changed
            .elements()
            .iter()
            .map(rdkafka::topic_partition_list::TopicPartitionListElem::partition)
            .collect();
        match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assigned(consumer, &partitions);
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                self.revoked(consumer, &partitions);
            }
            other => {
                tracing::error!(error = ?other, "rebalance failed; every partition is given up");
                let all: Vec<i32> = self.owned().partitions.keys().copied().collect();
                self.revoked(consumer, &all);
            }
        }
    }
}
