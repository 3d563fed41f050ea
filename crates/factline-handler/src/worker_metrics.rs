//! Metrics of a worker: those of its transactions, and those of its state, once a second.
//! `docs/operations.md` says what an operator can do about each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use factline::{Aggregate, Timestamp};
use factline_kafka::consumer::group::{PartitionStatistics, TopicPartition};
use factline_kafka::consumer::host::ConsumerHost;

use crate::assignment::Assignment;
use crate::recovery::committed_state::{CommittedState, Recoveries};

const EVERY: Duration = Duration::from_secs(1);

/// A flush that takes this long has usually met the end of the previous transaction: librdkafka
/// retries after 20 ms.
const FLUSH_WAITED: Duration = Duration::from_millis(19);

/// The metrics of a worker, with the time at which those of its state were published last.
#[derive(Debug)]
pub(crate) struct WorkerMetrics {
    aggregate: &'static str,
    published: Option<Instant>,
    /// The longest time by which a command's append time was ahead of the worker's clock, since the
    /// metrics were published.
    ahead: TimeDelta,
}

/// The durations of a transaction's steps.
#[derive(Debug)]
pub(crate) struct Steps {
    aggregate: &'static str,
    begin: Instant,
}

impl Steps {
    /// Begins to measure the steps of a transaction, with the flush.
    pub(crate) fn begin(aggregate: &'static str) -> Self {
        Self {
            aggregate,
            begin: Instant::now(),
        }
    }

    /// Records that the transaction's records are acknowledged.
    pub(crate) fn flushed(&mut self) {
        if self.begin.elapsed() >= FLUSH_WAITED {
            metrics::counter!("factline_transaction_flush_waits_total", "aggregate" => self.aggregate)
                .increment(1);
        }
        self.end("flush");
    }

    /// Records that the transaction's offsets are accepted.
    pub(crate) fn offered(&mut self) {
        self.end("offsets");
    }

    /// Records that the transaction is committed.
    pub(crate) fn committed(&mut self) {
        self.end("commit");
    }

    fn end(&mut self, step: &'static str) {
        metrics::histogram!("factline_transaction_step_seconds", "aggregate" => self.aggregate, "step" => step)
            .record(self.begin.elapsed());
        self.begin = Instant::now();
    }
}

impl WorkerMetrics {
    pub(crate) fn new(aggregate: &'static str) -> Self {
        Self {
            aggregate,
            published: None,
            ahead: TimeDelta::zero(),
        }
    }

    /// Notes the append time of a command.
    pub(crate) fn appended(&mut self, time: Timestamp) {
        self.ahead = self.ahead.max(time - chrono::Utc::now());
    }

    /// Counts a transaction that was aborted.
    pub(crate) fn aborted(&self) {
        metrics::counter!("factline_transactions_aborted_total", "aggregate" => self.aggregate)
            .increment(1);
    }

    /// Counts a transaction that was committed, with the time that decision and commit took, and
    /// its number of commands and deadlines.
    pub(crate) fn committed(&self, took: Duration, commands: usize) {
        metrics::histogram!("factline_transaction_seconds", "aggregate" => self.aggregate)
            .record(took);
        metrics::histogram!("factline_transaction_commands", "aggregate" => self.aggregate)
            .record(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
    }

    /// Publishes what is known of the worker's state and of its lag. Called once in each turn.
    /// Returns once a second the time by which brokers are ahead of the worker's clock.
    pub(crate) fn publish<A: Aggregate>(
        &mut self,
        assignment: &Assignment<A>,
        host: &ConsumerHost<CommittedState<A>>,
        topic: &str,
        statistics: Option<&HashMap<TopicPartition, PartitionStatistics>>,
    ) -> Option<TimeDelta> {
        let mut ahead = None;
        if self.published.is_none_or(|last| last.elapsed() >= EVERY) {
            self.published = Some(Instant::now());
            self.publish_state(assignment, host.progress().recoveries(), topic);
            let longest = std::mem::replace(&mut self.ahead, TimeDelta::zero());
            metrics::gauge!("factline_handler_brokers_ahead_seconds", "aggregate" => self.aggregate)
                .set(longest.as_seconds_f64());
            ahead = Some(longest);
        }
        if let Some(statistics) = statistics {
            publish_lag(assignment, topic, statistics);
        }
        ahead
    }

    /// Publishes the sizes of the state, the number of overdue deadlines, the number of halted
    /// partitions and the percentage that is recovered.
    fn publish_state<A: Aggregate>(
        &self,
        assignment: &Assignment<A>,
        recoveries: &Recoveries,
        topic: &str,
    ) {
        let now = chrono::Utc::now();
        let aggregate = self.aggregate;
        metrics::gauge!("factline_handler_partitions_blocked", "topic" => topic.to_owned())
            .set(figure(assignment.halted.len()));
        metrics::gauge!("factline_handler_restored_percent", "topic" => topic.to_owned())
            .set(figure(usize::try_from(recoveries.percent()).unwrap_or(100)));
        let (mut aggregates, mut on_disk, mut remembered) = (0, 0, 0);
        let (mut overdue, mut bytes) = (0, 0);
        for partition in assignment.partitions.values() {
            aggregates += partition.len();
            on_disk += partition.len_on_disk();
            remembered += partition.remembered();
            overdue += partition.overdue(now);
            bytes += partition.bytes();
        }
        metrics::gauge!("factline_handler_aggregates", "aggregate" => aggregate)
            .set(figure(aggregates));
        metrics::gauge!("factline_handler_aggregates_on_disk", "aggregate" => aggregate)
            .set(figure(on_disk));
        metrics::gauge!("factline_handler_state_bytes", "aggregate" => aggregate)
            .set(figure(usize::try_from(bytes).unwrap_or(usize::MAX)));
        metrics::gauge!("factline_handler_remembered_operations", "aggregate" => aggregate)
            .set(figure(remembered));
        metrics::gauge!("factline_deadlines_overdue", "aggregate" => aggregate)
            .set(figure(overdue));
    }
}

/// Publishes the lag of each partition, from the end offsets in librdkafka's statistics.
fn publish_lag<A: Aggregate>(
    assignment: &Assignment<A>,
    topic: &str,
    statistics: &HashMap<TopicPartition, PartitionStatistics>,
) {
    let now = chrono::Utc::now();
    for (number, partition) in &assignment.partitions {
        let Some(known) = statistics.get(&(topic.to_owned(), *number)) else {
            continue;
        };
        let behind = (known.end - partition.next()).max(0);
        // The last handled command was appended before the first unhandled one.
        let age = if behind > 0 && partition.next() > 0 {
            (now - partition.time()).as_seconds_f64().max(0.0)
        } else {
            0.0
        };
        let labels = [
            ("topic", topic.to_owned()),
            ("partition", number.to_string()),
        ];
        metrics::gauge!("factline_handler_lag_records", &labels)
            .set(figure(usize::try_from(behind).unwrap_or(0)));
        metrics::gauge!("factline_handler_lag_seconds", &labels).set(age);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a rough figure")]
fn figure(value: usize) -> f64 {
    value as f64
}
