//! A member of a consumer group that queues librdkafka's callbacks, for hosts with their own poll
//! loop.
//!
//! Every rebalance is answered in its callback, so that librdkafka continues to deliver records of
//! the partitions that stay. An assignment is answered with no partitions and queued as a
//! [`Change`]. The host looks up the start offsets outside its loop
//! ([`crate::consumer::start_lookups`]), and then fetches the partitions with [`assign`]. Revoked
//! partitions are unassigned at once, and the change is queued afterwards. Callbacks run in `poll`,
//! on the host's thread. So a commit on that thread, in the group or elsewhere, is never for a
//! partition that was unassigned.
//!
//! `factline-policy` commits offsets to the group. The followers of `factline-postgres` store their
//! checkpoints beside their rows. The command handler does not use this module for its assignments,
//! because they are tied to its transactions; it uses only [`StaticMembership`].

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::config::KafkaConfig;
use crate::client::ffi::{Membership, membership};
use crate::consumer::connectivity::Connectivity;
use crate::consumer::watchdog::Watchdog;
pub use crate::topics::TopicPartition;

/// Maximum wait of an idle host for a record before its next turn. Each turn costs some tens of
/// microseconds of CPU: in an idle store, more than anything else.
pub const IDLE: Duration = Duration::from_millis(250);

/// The maximum wait while the host waits for something that no record announces.
pub const EXPECTING: Duration = Duration::from_millis(20);

/// Session timeout of a host that may safely repeat its work, or has a fence: a slow member may
/// lose its partitions early.
pub const SHORT_SESSION: Duration = Duration::from_secs(6);

/// Settings of a member of a group.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Brokers and properties.
    pub kafka: KafkaConfig,
    /// The group.
    pub group: String,
    /// Topics of which the group shares the partitions.
    pub topics: Vec<String>,
    /// Time without a heartbeat after which the group assigns the partitions to other members.
    pub session_timeout: Duration,
    /// Name of the host in metrics.
    pub name: String,
}

/// A change that a rebalance made.
#[derive(Debug)]
pub enum Change {
    /// These partitions are assigned to this member, and not fetched yet. The membership is
    /// `None` if the group has removed the member meanwhile.
    Assigned(Vec<TopicPartition>, Option<Membership>),
    /// These partitions were revoked from this member.
    Revoked(Vec<TopicPartition>),
}

/// librdkafka's statistics of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionStatistics {
    /// Number of records that the broker has and `poll` has not returned.
    pub unread: i64,
    /// Offset after the last record of the log.
    pub end: i64,
    /// Offset of the next record that is fetched.
    pub position: i64,
    /// Number of offsets that `poll` has not returned, with those of open transactions.
    pub remaining: i64,
}

/// Listener of librdkafka's callbacks. It collects them until the host takes them.
#[derive(Default)]
pub struct GroupListener {
    changes: Mutex<Vec<Change>>,
    /// Reason why a rebalance could not be answered: the client must be replaced.
    failure: Mutex<Option<KafkaError>>,
    /// Every partition that is assigned to this member, fetched or not.
    assigned: Mutex<BTreeSet<TopicPartition>>,
    statistics: Mutex<Option<HashMap<TopicPartition, PartitionStatistics>>>,
    connectivity: Mutex<Connectivity>,
    /// The group's generation at the last assignment.
    generation: AtomicI32,
    /// Receives a beat when the host polls the statistics of librdkafka.
    watchdog: Watchdog,
}

impl GroupListener {
    /// Returns the rebalances since the last call.
    pub fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut lock(&self.changes))
    }

    /// Returns the reason why a rebalance could not be answered, if there is one.
    pub fn take_failure(&self) -> Option<KafkaError> {
        lock(&self.failure).take()
    }

    /// Returns the statistics of each fetched partition. `None` if there were none since the last
    /// call.
    pub fn take_statistics(&self) -> Option<HashMap<TopicPartition, PartitionStatistics>> {
        lock(&self.statistics).take()
    }

    /// Returns whether no broker was reachable in the last statistics, at most some seconds ago.
    pub fn brokers_down(&self) -> bool {
        lock(&self.connectivity).is_down()
    }

    /// Returns whether no broker has been reachable for longer than 30 s, so that a new client
    /// should try.
    pub fn is_cut_off(&self) -> bool {
        lock(&self.connectivity).is_cut_off()
    }
}

impl ClientContext for GroupListener {
    fn stats(&self, statistics: Statistics) {
        self.watchdog.beat();
        lock(&self.connectivity).update(&statistics);
        let mut measured = HashMap::new();
        for (topic, known) in statistics.topics {
            for (partition, known) in known.partitions {
                // Before the broker's first answer the end offset is unknown and negative.
                if known.ls_offset >= 0 && known.next_offset >= 0 {
                    let remote = (known.ls_offset - known.next_offset).max(0);
                    let partition_statistics = PartitionStatistics {
                        unread: remote + known.fetchq_cnt,
                        end: known.hi_offset,
                        position: known.next_offset,
                        remaining: (known.hi_offset - known.next_offset).max(0) + known.fetchq_cnt,
                    };
                    measured.insert((topic.clone(), partition), partition_statistics);
                }
            }
        }
        *lock(&self.statistics) = Some(measured);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client reports an error");
    }
}

impl ConsumerContext for GroupListener {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let mut keys = keys(list);
        let change = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Read it before the answer, because the group may rebalance again directly after the
            // answer.
            let membership = membership(consumer);
            let generation = membership.as_ref().map_or(-1, |known| known.generation);
            self.generation.store(generation, Ordering::Relaxed);
            if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
                tracing::error!(%error, "cannot answer assignment");
                *lock(&self.failure) = Some(error);
            }
            lock(&self.assigned).extend(keys.iter().cloned());
            Change::Assigned(keys, membership)
        } else {
            if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
                tracing::error!(?error, "rebalance failed; releasing every partition");
                keys.extend(lock(&self.assigned).iter().cloned());
            }
            if let Err(error) = unassign(consumer, &keys) {
                tracing::error!(%error, "cannot unassign revoked partitions");
                *lock(&self.failure) = Some(error);
            }
            lock(&self.assigned).retain(|key| !keys.contains(key));
            Change::Revoked(keys)
        };
        lock(&self.changes).push(change);
    }
}

/// Number of fencings, and the minimum period in which they must occur, before this member
/// concludes that another process uses its instance id.
const FENCED: (usize, Duration) = (3, Duration::from_secs(30));

/// The process's static membership, `group.instance.id`. By mistake, another process may have the
/// same id.
///
/// Kafka fences a client that uses a member id which the group has replaced. That client can be
/// this very process: its session timed out, it rejoined, and a request that it had sent before
/// arrived late. So a single fencing is a reason to rejoin. Two processes with the same instance id
/// fence each other for as long as both rejoin, and repeated fencing identifies that case.
#[derive(Debug, Default)]
pub struct StaticMembership {
    fenced: Vec<Instant>,
    within: Duration,
}

impl StaticMembership {
    /// Creates a membership that counts fencings over `within`, or over 30 s if that is longer.
    pub fn within(within: Duration) -> Self {
        Self {
            within,
            ..Self::default()
        }
    }

    /// Records that this consumer has failed. Returns whether another process uses the same
    /// instance id: this member was then fenced three times within the period.
    pub fn is_taken<C: ConsumerContext>(&mut self, consumer: &BaseConsumer<C>) -> bool {
        let Some((RDKafkaErrorCode::FencedInstanceId, _)) = consumer.client().fatal_error() else {
            return false;
        };
        let (often, within) = (FENCED.0, FENCED.1.max(self.within));
        self.fenced.retain(|fenced| fenced.elapsed() < within);
        self.fenced.push(Instant::now());
        self.fenced.len() >= often
    }
}

/// Joins the group and subscribes. The watchdog receives a beat whenever the host polls the
/// statistics of librdkafka.
pub fn join(settings: &Settings, watchdog: &Watchdog) -> KafkaResult<BaseConsumer<GroupListener>> {
    let mut config = settings.kafka.client_config();
    if !settings.kafka.instance.is_empty() {
        config.set("group.instance.id", &settings.kafka.instance);
    }
    let session = settings.session_timeout.as_millis();
    let consumer: BaseConsumer<GroupListener> = config
        .set("group.id", &settings.group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", session.to_string())
        .set("heartbeat.interval.ms", (session / 4).to_string())
        // A host polls between two units of its work, and the longest of those, with its retries,
        // ends long before.
        .set("max.poll.interval.ms", "300000")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("allow.auto.create.topics", "false")
        // With full queues librdkafka would otherwise wait a second before it fetches again.
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.max.messages.kbytes", "16384")
        // The size above counts values only. Entries and headers take more, so that the default of
        // 100,000 records is too much for a process with many hosts.
        .set("queued.min.messages", "10000")
        // Statistics cost more than anything else in an idle host.
        .set("statistics.interval.ms", "5000")
        .create_with_context(GroupListener {
            watchdog: watchdog.clone(),
            ..GroupListener::default()
        })?;
    let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    Ok(consumer)
}

/// Returns whether the group is still in the generation of the last assignment. If not, the group
/// is rebalancing, and librdkafka would take [`assign`] for the answer to the rebalance.
pub fn is_settled(consumer: &BaseConsumer<GroupListener>) -> bool {
    let generation = consumer.context().generation.load(Ordering::Relaxed);
    membership(consumer).is_some_and(|known| known.generation == generation)
}

/// Starts to fetch partitions, each from its start offset.
///
/// librdkafka remembers that a partition is paused for as long as it knows the partition. A
/// partition that was revoked while paused and is assigned again later would therefore never be
/// fetched, although the host has resumed its other partitions. So this function resumes the
/// partitions first.
pub fn assign(
    consumer: &BaseConsumer<GroupListener>,
    starts: &[(TopicPartition, i64)],
) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in starts {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    consumer.resume(&list)?;
    consumer.incremental_assign(&list)
}

/// Stops fetching those of the partitions that are being fetched.
pub fn unassign(
    consumer: &BaseConsumer<GroupListener>,
    keys: &[TopicPartition],
) -> KafkaResult<()> {
    let assigned = consumer.assignment()?;
    let mut list = TopicPartitionList::new();
    for (topic, partition) in keys {
        if assigned.find_partition(topic, *partition).is_some() {
            list.add_partition(topic, *partition);
        }
    }
    consumer.incremental_unassign(&list)
}

/// Formats partitions in one line, for logs.
pub fn display_list<'k>(keys: impl IntoIterator<Item = &'k TopicPartition>) -> String {
    let places = keys.into_iter();
    let places = places.map(|(topic, partition)| format!("{topic}/{partition}"));
    places.collect::<Vec<_>>().join(" ")
}

/// Returns the position of `poll` in each assigned partition that has one. The position is after
/// the last record that `poll` returned. It is also after the markers that end transactions: those
/// are not records and are never returned.
pub fn positions<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Vec<(TopicPartition, i64)> {
    let Ok(position) = consumer.position() else {
        return Vec::new();
    };
    let known = position.elements().into_iter().filter_map(|place| {
        let Offset::Offset(next) = place.offset() else {
            return None;
        };
        Some(((place.topic().to_owned(), place.partition()), next))
    });
    known.collect()
}

fn keys(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let elements = list.elements();
    let keys = elements
        .iter()
        .map(|element| (element.topic().to_owned(), element.partition()));
    keys.collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
