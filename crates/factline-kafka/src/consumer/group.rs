//! A member of a consumer group that hands on what librdkafka's call-backs say, for hosts that poll in a loop of their own.
//!
//! Every rebalance is answered in its call-back, so that librdkafka goes on to deliver of the partitions that stay. What
//! is assigned is answered with none of its partitions, and announced as a [`Change`]: the host looks up where they begin,
//! beside its loop ([`crate::consumer::start_lookups`]), and then fetches them with [`assign`]. What is revoked is given back at once, and
//! announced afterwards. Call-backs run in `poll`, on the host's thread: what the host commits there, in the group or
//! elsewhere, is never for a partition that was given back.
//!
//! [`reaction`](crate::reaction) commits offsets to the group; the followers of `factline-postgres` have checkpoints beside
//! their rows. The command handler is no such host, since its assignments have to do with transactions; it has a [`Slot`].

use std::collections::HashMap;
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
use crate::client::ffi::membership;
use crate::consumer::connectivity::Brokers;
use crate::consumer::readiness::Condition;
use crate::consumer::watchdog::Pulse;

/// A partition of a topic.
pub type Key = (String, i32);

/// Maximum wait of an idle host for a record before its next turn. Each turn costs some tens of microseconds
/// of CPU: in an idle store, more than anything else.
pub const IDLE: Duration = Duration::from_millis(250);

/// The same, while a host waits for something that no record announces.
pub const EXPECTING: Duration = Duration::from_millis(20);

/// What a rebalance changed.
#[derive(Debug)]
pub enum Change {
    /// These are ours now, and not fetched yet.
    Assigned(Vec<Key>),
    /// These are ours no more.
    Revoked(Vec<Key>),
}

/// Collects what the call-backs say until the host takes it.
#[derive(Default)]
pub struct Events {
    changes: Mutex<Vec<Change>>,
    unread: Mutex<Option<HashMap<Key, i64>>>,
    brokers: Mutex<Brokers>,
    /// The group's generation at the last assignment.
    generation: AtomicI32,
    /// Beats when librdkafka has measured something, and the host has polled it.
    pulse: Pulse,
}

impl Events {
    /// Rebalances since the last call.
    pub fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut lock(&self.changes))
    }

    /// Records of each partition that the broker has and `poll` has not returned, if known anew since the last call.
    pub fn take_unread(&self) -> Option<HashMap<Key, i64>> {
        lock(&self.unread).take()
    }

    /// Whether no broker was reachable when librdkafka looked last, some seconds ago.
    pub fn brokers_down(&self) -> bool {
        lock(&self.brokers).are_down()
    }

    /// Whether no broker has been reachable for so long that a new client should try.
    pub fn is_cut_off(&self) -> bool {
        lock(&self.brokers).are_cut_off()
    }
}

impl ClientContext for Events {
    fn stats(&self, statistics: Statistics) {
        self.pulse.beat();
        lock(&self.brokers).measured(&statistics);
        let mut unread = HashMap::new();
        for (topic, known) in statistics.topics {
            for (partition, known) in known.partitions {
                // Before the first answer of the broker the end is not known and negative.
                if known.ls_offset >= 0 && known.next_offset >= 0 {
                    let remote = (known.ls_offset - known.next_offset).max(0);
                    unread.insert((topic.clone(), partition), remote + known.fetchq_cnt);
                }
            }
        }
        *lock(&self.unread) = Some(unread);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client reports an error");
    }
}

impl ConsumerContext for Events {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let keys: Vec<Key> = list
            .elements()
            .iter()
            .map(|element| (element.topic().to_owned(), element.partition()))
            .collect();
        let change = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Before the answer, after which the group may be formed anew at once.
            let generation = membership(consumer).map_or(-1, |known| known.generation);
            self.generation.store(generation, Ordering::Relaxed);
            if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
                tracing::error!(%error, "cannot answer an assignment");
            }
            Change::Assigned(keys)
        } else {
            if let Err(error) = unassign(consumer, &keys) {
                tracing::error!(%error, "cannot give partitions back");
            }
            Change::Revoked(keys)
        };
        lock(&self.changes).push(change);
    }
}

/// How often, within how long at least, a slot has to be lost to be somebody else's.
const LOST: (usize, Duration) = (3, Duration::from_secs(30));

/// The process's place in its group, `group.instance.id`, which another process may have been given by mistake.
///
/// Kafka fences whoever comes with a member id that the slot has no more. That can be this very process: its session timed
/// out, it came back, and something that it had sent before arrived after. So to be fenced once is a reason to join anew.
/// Two processes in one slot fence each other for as long as both come back, which is what tells them apart.
#[derive(Debug, Default)]
pub struct Slot {
    lost: Vec<Instant>,
    within: Duration,
}

impl Slot {
    /// For a group whose members hear so late of having lost it that three times take longer than half a minute.
    pub fn within(within: Duration) -> Self {
        Self {
            within,
            ..Self::default()
        }
    }

    /// Whether somebody else has the slot, now that this consumer has failed.
    pub fn is_taken<C: ConsumerContext>(&mut self, consumer: &BaseConsumer<C>) -> bool {
        let Some((RDKafkaErrorCode::FencedInstanceId, _)) = consumer.client().fatal_error() else {
            return false;
        };
        let (often, within) = (LOST.0, LOST.1.max(self.within));
        self.lost.retain(|lost| lost.elapsed() < within);
        self.lost.push(Instant::now());
        self.lost.len() >= often
    }
}

/// Joins the group and subscribes. The pulse beats as long as the host polls and librdkafka goes on.
pub fn join(
    kafka: &KafkaConfig,
    group: &str,
    topics: &[impl AsRef<str>],
    pulse: &Pulse,
) -> KafkaResult<BaseConsumer<Events>> {
    let mut config = kafka.client_config();
    if !kafka.instance.is_empty() {
        config.set("group.instance.id", &kafka.instance);
    }
    let consumer: BaseConsumer<Events> = config
        .set("group.id", group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        // Who is only slow may lose its partitions early: a host here is safe to do something twice, or has a fence.
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "1500")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("allow.auto.create.topics", "false")
        // With full queues librdkafka would wait a second before it fetches again.
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.max.messages.kbytes", "16384")
        // They cost more than anything else of a host that has nothing to do.
        .set("statistics.interval.ms", "5000")
        .create_with_context(Events {
            pulse: pulse.clone(),
            ..Events::default()
        })?;
    let topics: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
    consumer.subscribe(&topics)?;
    Ok(consumer)
}

/// Returns whether the group is in the generation in which partitions were assigned last. If not, it is being formed anew, and
/// [`assign`] would be taken for the answer to a rebalance.
pub fn is_settled(consumer: &BaseConsumer<Events>) -> bool {
    let generation = consumer.context().generation.load(Ordering::Relaxed);
    membership(consumer).is_some_and(|known| known.generation == generation)
}

/// Starts to fetch partitions, each from an offset.
///
/// librdkafka keeps a pause for as long as it knows a partition: one that was taken away while it was paused would never be
/// fetched again, should it come back when the host has long resumed what it had then.
pub fn assign(consumer: &BaseConsumer<Events>, starts: &[(Key, i64)]) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in starts {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    consumer.resume(&list)?;
    consumer.incremental_assign(&list)
}

/// Stops to fetch those of the partitions that are fetched.
pub fn unassign(consumer: &BaseConsumer<Events>, keys: &[Key]) -> KafkaResult<()> {
    let assigned = consumer.assignment()?;
    let mut list = TopicPartitionList::new();
    for (topic, partition) in keys {
        if assigned.find_partition(topic, *partition).is_some() {
            list.add_partition(topic, *partition);
        }
    }
    consumer.incremental_unassign(&list)
}

/// Partitions in one line, as logs tell of them.
pub fn listed<'k>(keys: impl IntoIterator<Item = &'k Key>) -> String {
    let places = keys.into_iter();
    let places = places.map(|(topic, partition)| format!("{topic}/{partition}"));
    places.collect::<Vec<_>>().join(" ")
}

/// How far `poll` has come in each assigned partition that it has come anywhere in: behind the last record that it has
/// returned, and behind the markers with which transactions end, which are no records and are never returned.
pub fn positions<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Vec<(Key, i64)> {
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

/// What the client has measured since the last call, if it has: unread records of each partition. It is also when a host
/// learns whether brokers are there, and forgets that something could not be read: what still cannot is said again.
pub fn measured<T: Ord>(
    consumer: &BaseConsumer<Events>,
    condition: &mut Condition<T>,
    (reading, brokers): (T, T),
) -> Option<HashMap<Key, i64>> {
    let unread = consumer.context().take_unread()?;
    condition.set(reading, None);
    let down = consumer.context().brokers_down();
    let reason = down.then(|| "no broker can be reached".to_owned());
    condition.set(brokers, reason);
    Some(unread)
}

/// Fetches a partition no further, and says why. It stays ours, so that no other instance runs into the same.
pub fn stop<T: Ord>(
    consumer: &BaseConsumer<Events>,
    condition: &mut Condition<T>,
    key: &Key,
    reason: String,
) {
    if let Err(error) = unassign(consumer, std::slice::from_ref(key)) {
        let (topic, partition) = (&key.0, key.1);
        tracing::warn!(%error, topic, partition, "cannot stop fetching; records are dropped");
    }
    condition.stopped(key.clone(), reason);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
