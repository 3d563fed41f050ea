//! The consumer host: a member of a group with its client, its watchdogs, and the lookups of where
//! newly assigned partitions start.
//!
//! The command handler, policies and followers are loops over this host. They differ in where the
//! progress of a partition is stored, and that is the seam: [`Progress`]. The handler has states
//! and offsets that Kafka's transactions commit, policies have the group's offsets, followers have
//! checkpoints beside their rows.
//!
//! A host's turn is: [`poll`](ConsumerHost::poll), [`take_changes`](ConsumerHost::take_changes),
//! [`take_starts`](ConsumerHost::take_starts), then its own work. No call waits for a broker,
//! except for records. An error of a call means that the client must be
//! [replaced](ConsumerHost::rejoin). One more kind of host implements [`Progress`] and writes such
//! a loop.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use crate::client::ffi::Membership;
use crate::consumer::group::{
    self, Change, EXPECTING, GroupListener, IDLE, PartitionStatistics, Settings, StaticMembership,
};
use crate::consumer::poll_gap::PollGap;
use crate::consumer::stalled_partitions::{StalledPartitions, Unfetched};
use crate::consumer::start_lookups::{self, StartLookups};
use crate::consumer::watchdog::Watchdog;
use crate::records::record::Record;
use crate::topics::TopicPartition;

/// Storage of the progress of a host's partitions.
pub trait Progress: Clone + Send + Sync + 'static {
    /// Everything that is known about a partition before it is fetched, such as its offset.
    type Start: Send + 'static;
    /// A temporary failure.
    type Error: Error + Send;

    /// Divides newly assigned partitions into shares. Each share is looked up, retried and started
    /// independently of the others. By default, all partitions are one share.
    fn shares(&self, partitions: Vec<TopicPartition>) -> Vec<Vec<TopicPartition>> {
        vec![partitions]
    }

    /// Looks up where the partitions of a share start. It runs outside the host's loop and is
    /// retried after a failure. If all the partitions are revoked meanwhile, the future is dropped.
    fn look_up(
        self,
        partitions: Vec<TopicPartition>,
    ) -> impl Future<Output = Result<Vec<(TopicPartition, Self::Start)>, Self::Error>> + Send + 'static;
}

/// Result of a poll.
#[derive(Debug)]
pub enum Polled {
    /// A record, in the order of its partition.
    Record(Record),
    /// No record has arrived within the time.
    Nothing,
    /// A temporary failure. librdkafka retries.
    Unavailable(KafkaError),
}

/// Reason why the client must be replaced.
#[derive(Debug, thiserror::Error)]
pub enum Replace {
    /// The client has failed permanently, or its offset is outside of the log.
    #[error("the consumer has failed")]
    Failed(#[source] KafkaError),
    /// No broker has been reachable for more than 30 s.
    #[error("no broker has been reachable for more than 30 s")]
    CutOff,
    /// A partition has records that are not being fetched.
    #[error(transparent)]
    Stalled(#[from] Unfetched),
    /// The start of partitions cannot be used.
    #[error(transparent)]
    Starts(#[from] start_lookups::Failed),
    /// Partitions cannot be fetched.
    #[error("cannot start fetching partitions")]
    Assign(#[source] KafkaError),
}

/// Changes that rebalances have made since the last call.
#[derive(Debug, Default)]
pub struct Changes {
    /// Partitions that are no longer assigned to this member.
    pub revoked: Vec<TopicPartition>,
    /// Partitions that are assigned to this member. Their starts are being looked up.
    pub assigned: Vec<TopicPartition>,
    /// Set if the group has made an assignment, which may have no new partition.
    pub assignment: Option<GroupAssignment>,
}

/// An assignment by the group.
#[derive(Debug, PartialEq, Eq)]
pub struct GroupAssignment {
    /// The member to which it was made; `None` if the group has removed the member meanwhile.
    pub membership: Option<Membership>,
}

/// A member of a consumer group. See the module.
pub struct ConsumerHost<P: Progress> {
    settings: Settings,
    progress: P,
    client: Client,
    membership: StaticMembership,
    stalled: StalledPartitions,
    starts: StartLookups<P::Start>,
    poll_gap: PollGap,
    watchdog: Watchdog,
    joined: bool,
}

impl<P: Progress> ConsumerHost<P> {
    /// Creates the client and subscribes.
    pub fn join(settings: Settings, progress: P, watchdog: &Watchdog) -> KafkaResult<Self> {
        let mut host = Self::new(settings, progress, watchdog);
        host.rejoin()?;
        Ok(host)
    }

    /// Creates a host that has not joined its group: it must [`rejoin`](Self::rejoin) before
    /// anything else. The watchdog receives a beat each time librdkafka's statistics are polled.
    pub fn new(settings: Settings, progress: P, watchdog: &Watchdog) -> Self {
        Self {
            client: Client(None),
            // A heartbeat tells a member that it was fenced, and a session has several of them.
            membership: StaticMembership::within(settings.session_timeout * 4),
            stalled: StalledPartitions::new(&settings.kafka, &settings.group, &settings.topics),
            starts: StartLookups::default(),
            poll_gap: PollGap::new(&settings.name),
            watchdog: watchdog.clone(),
            joined: false,
            settings,
            progress,
        }
    }

    /// Replaces the client. Every partition counts as released, without a change that says so.
    ///
    /// # Errors
    /// If the configuration is invalid. Then the host has no client.
    pub fn rejoin(&mut self) -> KafkaResult<()> {
        self.leave();
        let client = group::join(&self.settings, &self.watchdog)?;
        self.client = Client(Some(Arc::new(client)));
        Ok(())
    }

    /// Closes the client, which leaves the group. The host must [`rejoin`](Self::rejoin) before
    /// anything else.
    pub fn leave(&mut self) {
        self.client.close();
        self.starts = StartLookups::default();
        self.joined = false;
        self.stalled.reset();
    }

    /// Returns whether another process has this member's instance id. To be asked once after each
    /// failure of the client, see [`StaticMembership`].
    pub fn is_instance_taken(&mut self) -> bool {
        let consumer = self.client.0.as_ref();
        consumer.is_some_and(|consumer| self.membership.is_taken(consumer))
    }

    /// Returns the client, for commits, pauses and positions.
    ///
    /// # Panics
    /// If the host has no client: before it has joined, and after it has left.
    pub fn consumer(&self) -> &BaseConsumer<GroupListener> {
        self.client.get()
    }

    /// Returns the client, for a thread that commits. The client leaves the group only when the
    /// thread has dropped it.
    ///
    /// # Panics
    /// As [`consumer`](Self::consumer).
    pub fn shared_consumer(&self) -> Arc<BaseConsumer<GroupListener>> {
        Arc::clone(self.client.get())
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns where progress is stored.
    pub fn progress(&self) -> &P {
        &self.progress
    }

    /// Returns the maximum wait for a record of a host that has nothing else to do.
    pub fn idle_wait(&self) -> Duration {
        if self.starts.is_empty() {
            IDLE
        } else {
            EXPECTING
        }
    }

    /// Polls one record. Rebalances are answered in here, and nowhere else.
    ///
    /// # Errors
    /// If the client must be replaced.
    pub fn poll(&mut self, wait: Duration) -> Result<Polled, Replace> {
        self.poll_gap.begins();
        let polled = match self.consumer().poll(wait) {
            Some(Ok(message)) => Ok(Polled::Record(Record::from(&message))),
            Some(Err(error)) => self.failed(error),
            None if self.consumer().context().is_cut_off() => Err(Replace::CutOff),
            None => Ok(Polled::Nothing),
        };
        self.poll_gap.ends();
        match self.consumer().context().take_failure() {
            Some(unanswered) => Err(Replace::Assign(unanswered)),
            None => polled,
        }
    }

    /// Sleeps on purpose. The time does not count as a gap between two polls.
    pub fn sleep(&mut self, pause: Duration) {
        self.poll_gap.begins();
        std::thread::sleep(pause);
        self.poll_gap.ends();
    }

    fn failed(&self, error: KafkaError) -> Result<Polled, Replace> {
        // A fatal error is reported as just that; the client knows which one it is.
        let is_fatal = self.consumer().client().fatal_error().is_some();
        let is_lost = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset);
        if is_fatal || is_lost {
            Err(Replace::Failed(error))
        } else {
            Ok(Polled::Unavailable(error))
        }
    }

    /// Takes what rebalances have changed since the last call, and begins to look up the starts of
    /// newly assigned partitions. A host calls it after each poll, before it uses a polled record.
    /// Must be called within a tokio runtime.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        for change in self.consumer().context().take_changes() {
            match change {
                Change::Revoked(keys) => {
                    self.release(&keys);
                    changes.assigned.retain(|key| !keys.contains(key));
                    changes.revoked.extend(keys);
                }
                Change::Assigned(keys, membership) => {
                    self.joined = true;
                    changes.assignment = Some(GroupAssignment { membership });
                    changes.assigned.extend(keys);
                }
            }
        }
        self.look_up(changes.assigned.clone());
        changes
    }

    /// Looks up the starts of partitions again that this member has, for example because another
    /// process has moved their progress. They are fetched no further until then.
    pub fn restart(&mut self, keys: Vec<TopicPartition>) {
        if let Err(error) = group::unassign(self.consumer(), &keys) {
            tracing::warn!(%error, "cannot stop fetching");
        }
        self.release(&keys);
        self.look_up(keys);
    }

    fn release(&mut self, keys: &[TopicPartition]) {
        self.starts.release(keys);
        for key in keys {
            self.stalled.released(key);
        }
    }

    fn look_up(&mut self, keys: Vec<TopicPartition>) {
        if keys.is_empty() {
            return;
        }
        for share in self.progress.shares(keys) {
            let progress = self.progress.clone();
            self.starts
                .begin(share, move |keys| progress.clone().look_up(keys));
        }
    }

    /// Returns why lookups of starts have failed since the last call. They are retried.
    pub fn take_lookup_failures(&mut self) -> Vec<String> {
        self.starts.take_failures()
    }

    /// Returns the starts that were found since the last call.
    ///
    /// # Errors
    /// If the client must be replaced.
    pub fn take_starts(&mut self) -> Result<Vec<(TopicPartition, P::Start)>, Replace> {
        Ok(self.starts.take(self.client.get())?)
    }

    /// Starts to fetch partitions, each from an offset.
    ///
    /// # Errors
    /// If the client must be replaced.
    pub fn fetch(&self, starts: &[(TopicPartition, i64)]) -> Result<(), Replace> {
        group::assign(self.consumer(), starts).map_err(Replace::Assign)
    }

    /// Returns whether the start of every assigned partition is known.
    pub fn is_started(&self) -> bool {
        self.joined && self.starts.is_empty()
    }

    /// Checks whether existing records are being fetched, and that the group has no partition
    /// without an owner. A host calls it once in each turn; see [`StalledPartitions`] for
    /// `followed`.
    ///
    /// # Errors
    /// If the client must be replaced.
    pub fn check_stalled(
        &mut self,
        followed: impl FnOnce() -> Vec<(TopicPartition, Option<i64>)>,
    ) -> Result<(), Replace> {
        match self.stalled.find_stalled(self.client.get(), followed) {
            Some(unfetched) => Err(unfetched.into()),
            None => Ok(()),
        }
    }

    /// Forgets what was observed of the partitions' progress.
    pub fn reset_stalled(&mut self) {
        self.stalled.reset();
    }

    /// Returns what librdkafka has measured since the last call, if it has.
    pub fn take_statistics(&self) -> Option<HashMap<TopicPartition, PartitionStatistics>> {
        self.consumer().context().take_statistics()
    }

    /// Returns the reason for readiness if no broker was reachable in the last statistics.
    pub fn brokers_down(&self) -> Option<String> {
        let down = self.consumer().context().brokers_down();
        down.then(|| "no broker can be reached".to_owned())
    }

    /// Stops fetching a partition. It stays assigned to this member, so that no other instance
    /// fails at the same record.
    pub fn halt(&self, key: &TopicPartition) {
        if let Err(error) = group::unassign(self.consumer(), std::slice::from_ref(key)) {
            let (topic, partition) = (&key.0, key.1);
            tracing::warn!(%error, topic, partition, "cannot stop fetching partition; dropping its records");
        }
    }
}

/// The client of a host, while it is a member of its group.
struct Client(Option<Arc<BaseConsumer<GroupListener>>>);

impl Client {
    fn get(&self) -> &Arc<BaseConsumer<GroupListener>> {
        let consumer = self.0.as_ref();
        consumer.expect("a host joins its group before it is used")
    }

    /// Closes the client. librdkafka does not close a consumer that was fenced before it has the
    /// answer to an assignment.
    fn close(&mut self) {
        let Some(consumer) = self.0.take() else {
            return;
        };
        if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
            tracing::debug!(%error, "closing consumer without an answer to its assignment");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}
