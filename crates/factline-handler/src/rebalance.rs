//! The partitions that a worker owns, and the rebalances that change them.
//!
//! Rebalances are served inside `poll` only, and the worker never polls while a transaction is open: so when a
//! revocation is answered, every transaction that touched the partition has ended. What leaves is dropped here at
//! once, with the records that were fetched and not handled: the broker would let a member of the right generation
//! commit for a partition that it no longer owns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use factline::Aggregate;
use factline_failpoints::{Mutant, mutated};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use crate::assignment::Owned;
use crate::decide::record_factory::Wire;
use crate::recovery::loader::{TakeOver, Taken};
use crate::state::partition::Bounds;
use crate::{Report, log_events, worker_metrics};
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::client::ffi::{Membership, membership};
use factline_kafka::consumer::watchdog::Pulse;

/// The consumer's context: it answers rebalances.
pub(crate) struct Ownership<A> {
    owned: Mutex<Owned<A>>,
    kafka: KafkaConfig,
    wire: Arc<Wire>,
    runtime: tokio::runtime::Handle,
    bounds: Bounds,
    report: Report,
    component: String,
    stop: CancellationToken,
    /// Beats when librdkafka has measured something, and the worker has polled it.
    pulse: Pulse,
    /// When readiness was last told of a restore.
    told: Mutex<Instant>,
}

/// How long restored partitions wait for the group to say in which generation they are ours.
const UNSETTLED: Duration = Duration::from_mins(1);

/// How often readiness hears how far a restore has come.
const PROGRESS: Duration = Duration::from_secs(1);

impl<A: Aggregate> Ownership<A> {
    pub(crate) fn new(
        kafka: &KafkaConfig,
        wire: &Arc<Wire>,
        bounds: Bounds,
        (component, report): (&str, &Report),
        (stop, pulse): (&CancellationToken, &Pulse),
    ) -> Self {
        Self {
            owned: Mutex::new(Owned::nothing()),
            kafka: kafka.clone(),
            wire: Arc::clone(wire),
            runtime: tokio::runtime::Handle::current(),
            bounds,
            report: Arc::clone(report),
            component: component.to_owned(),
            stop: stop.clone(),
            pulse: pulse.clone(),
            told: Mutex::new(Instant::now()),
        }
    }

    /// Never hold it while polling.
    pub(crate) fn owned(&self) -> MutexGuard<'_, Owned<A>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the worker has to end, if it has.
    pub(crate) fn broken(&self) -> Option<String> {
        let owned = self.owned();
        let cut_off = owned.brokers.are_cut_off();
        let cut_off = cut_off.then(|| "no broker has been reachable for long".to_owned());
        owned.broken.clone().or(cut_off)
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
    pub(crate) fn is_member(&self, membership: &Membership) -> bool {
        let same = self.owned().member.as_ref() == Some(&membership.member);
        let known = same || mutated(Mutant::AnyMember);
        if !known {
            self.break_off("the group knows this member under another id".to_owned());
        }
        known
    }

    /// Nothing more of this partition is handled here; others go on. It stays ours, so that no other member runs into the
    /// same, and is fetched, since to end that could be taken for the answer to a rebalance.
    pub(crate) fn stop_partition(&self, partition: i32, reason: String) {
        let mut owned = self.owned();
        owned.give_up(&[partition]);
        owned.block(self.wire.topics.commands(), partition, reason);
        drop(owned);
        self.tell();
    }

    /// Says why nothing gets done, or that it does again.
    pub(crate) fn trouble(&self, reason: Option<String>) {
        self.owned().trouble = reason;
        self.tell();
    }

    /// This process's slot.
    pub(crate) fn instance(&self) -> &str {
        &self.kafka.instance
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// Takes the partitions and begins to read their state. librdkafka delivers nothing at all, not even of partitions
    /// that stay, until an assignment is answered; so it is answered at once, and with none of them. Each is fetched from
    /// its start once its state is there.
    fn assigned(&self, consumer: &BaseConsumer<Self>, partitions: Vec<i32>) {
        tracing::info!(
            topic = self.wire.topics.commands(),
            ?partitions,
            "partitions assigned"
        );
        if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
            self.break_off(format!("an assignment cannot be answered: {error}"));
        }
        let (member, generation) = membership(consumer)
            .map(|membership| (membership.member, membership.generation))
            .unzip();
        let mut owned = self.owned();
        owned.generation = generation.unwrap_or(-1);
        let had_some = !owned.partitions.is_empty() || !owned.takeovers.is_empty();
        let renamed = owned.member.is_some() && owned.member != member && had_some;
        owned.member = member;
        owned.joined = true;
        if !partitions.is_empty() {
            let (kafka, wire) = (&self.kafka, &self.wire);
            let takeover = TakeOver::begin(kafka, wire, self.bounds, &self.stop, partitions);
            owned.takeovers.push(takeover);
        }
        drop(owned);
        if renamed && !mutated(Mutant::AnyMember) {
            self.break_off("the group knows this member under another id".to_owned());
        }
        self.tell();
    }

    /// Lets the commands of partitions come that have been restored since. The worker calls it between its polls.
    pub(crate) fn finish_takeovers(&self, consumer: &BaseConsumer<Self>) {
        let mut owned = self.owned();
        if owned.takeovers.is_empty() {
            return;
        }
        // While the group is being formed anew, a call that adds partitions would be taken for its answer.
        let settled = membership(consumer)
            .is_some_and(|membership| membership.generation == owned.generation);
        if !settled {
            let since = *owned.unsettled.get_or_insert_with(Instant::now);
            drop(owned);
            if since.elapsed() > UNSETTLED {
                self.break_off("the group does not settle".to_owned());
            }
            return;
        }
        owned.unsettled = None;
        let (mut running, mut taken) = (Vec::new(), Vec::new());
        for takeover in std::mem::take(&mut owned.takeovers) {
            if !takeover.is_finished() {
                running.push(takeover);
                continue;
            }
            match takeover.result() {
                Ok(more) => taken.extend(more),
                Err(reason) => {
                    drop(owned);
                    return self.break_off(reason);
                }
            }
        }
        owned.takeovers = running;
        drop(owned);
        if !taken.is_empty() {
            self.take(consumer, taken);
        }
        if self.progress_is_due() || self.owned().takeovers.is_empty() {
            self.tell();
        }
    }

    /// Begins to fetch partitions whose state is there, or stops those that cannot be handled.
    ///
    /// The offset is a number, and never asked for: an answer of the broker to "where is the end" that is late sends
    /// librdkafka to the end, also after it was sought elsewhere meanwhile.
    fn take(&self, consumer: &BaseConsumer<Self>, taken: Vec<Taken<A>>) {
        let topic = self.wire.topics.commands();
        let mut starts = TopicPartitionList::new();
        let mut owned = self.owned();
        for Taken { partition, state } in taken {
            match state {
                Ok(state) => {
                    // Adding to a list fails on a negative offset only.
                    let next = Offset::Offset(state.next());
                    let _ = starts.add_partition_offset(topic, partition, next);
                    owned.blocked.remove(&partition);
                    owned.partitions.insert(partition, state);
                }
                Err(reason) => owned.block(topic, partition, reason),
            }
        }
        drop(owned);
        if let Err(error) = consumer.incremental_assign(&starts) {
            self.break_off(format!("partitions cannot be fetched: {error}"));
        }
    }

    /// Of the partitions, stops to fetch those that are fetched. Within a rebalance it is the answer.
    fn fetch_no_more(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) -> KafkaResult<()> {
        let topic = self.wire.topics.commands();
        let fetched = consumer.assignment()?;
        let mut leaving = TopicPartitionList::new();
        for partition in partitions {
            if fetched.find_partition(topic, *partition).is_some() {
                leaving.add_partition(topic, *partition);
            }
        }
        consumer.incremental_unassign(&leaving)
    }

    fn progress_is_due(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.elapsed() > PROGRESS;
        if due {
            *told = Instant::now();
        }
        due
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        let lost = consumer.assignment_lost();
        tracing::info!(
            topic = self.wire.topics.commands(),
            event = log_events::PARTITIONS_REVOKED,
            ?partitions,
            lost,
            "partitions revoked"
        );
        if !mutated(Mutant::KeepRevoked) {
            self.owned().give_up(partitions);
        }
        if let Err(error) = self.fetch_no_more(consumer, partitions) {
            self.break_off(format!("revoked partitions cannot be unassigned: {error}"));
        }
        self.tell();
    }

    /// Reports what is owned and what is not.
    pub(crate) fn tell(&self) {
        let owned = self.owned();
        let topic = self.wire.topics.commands();
        metrics::gauge!("factline_handler_partitions_blocked", "topic" => topic.to_owned()).set(
            f64::from(u32::try_from(owned.blocked.len()).unwrap_or(u32::MAX)),
        );
        let restored = owned.takeovers.iter().map(TakeOver::percent).min();
        metrics::gauge!("factline_handler_restored_percent", "topic" => topic.to_owned()).set(
            f64::from(i32::try_from(restored.unwrap_or(100)).unwrap_or(100)),
        );
        let state = owned.state(topic);
        drop(owned);
        (self.report)(&self.component, state);
    }
}

impl<A: Aggregate> ClientContext for Ownership<A> {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka consumer");
    }

    fn stats(&self, statistics: Statistics) {
        self.pulse.beat();
        let mut owned = self.owned();
        owned.brokers.measured(&statistics);
        worker_metrics::tell_lag(&owned, self.wire.topics.commands(), &statistics);
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
                self.assigned(consumer, partitions);
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                self.revoked(consumer, &partitions);
            }
            other => {
                tracing::error!(error = ?other, "rebalance failed; every partition is given up");
                let all = self.owned().all();
                self.revoked(consumer, &all);
            }
        }
    }
}
