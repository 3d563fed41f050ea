//! Metrics that a worker publishes once a second, beside those that it counts in its loop.
//! `docs/operations.md` says what an operator can do about each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline::Aggregate;
use factline_kafka::consumer::group::{PartitionStatistics, TopicPartition};

use crate::assignment::Assignment;
use crate::decide::record_factory::RecordFactory;
use crate::recovery::committed_state::Recoveries;

const EVERY: Duration = Duration::from_secs(1);

/// The metrics of a worker, with the time at which they were published last.
#[derive(Debug)]
pub(crate) struct WorkerMetrics(Option<Instant>);

impl WorkerMetrics {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    /// Publishes the sizes of the state, the number of overdue deadlines, the number of halted
    /// partitions and the percentage that is recovered, at most once a second.
    pub(crate) fn publish<A: Aggregate>(
        &mut self,
        assignment: &Assignment<A>,
        (factory, recoveries): (&RecordFactory, &Recoveries),
    ) {
        if self.0.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        self.0 = Some(Instant::now());
        let now = chrono::Utc::now();
        let (aggregate, topic) = (factory.contract.aggregate, factory.topics.commands());
        metrics::gauge!("factline_handler_partitions_blocked", "topic" => topic.to_owned())
            .set(figure(assignment.halted.len()));
        metrics::gauge!("factline_handler_restored_percent", "topic" => topic.to_owned())
            .set(figure(usize::try_from(recoveries.percent()).unwrap_or(100)));
        let (mut aggregates, mut remembered, mut overdue, mut bytes) = (0, 0, 0, 0);
        for partition in assignment.partitions.values() {
            aggregates += partition.len();
            remembered += partition.remembered();
            overdue += partition.overdue(now);
            bytes += partition.bytes();
        }
        metrics::gauge!("factline_handler_aggregates", "aggregate" => aggregate)
            .set(figure(aggregates));
        metrics::gauge!("factline_handler_state_bytes", "aggregate" => aggregate)
            .set(figure(usize::try_from(bytes).unwrap_or(usize::MAX)));
        metrics::gauge!("factline_handler_remembered_operations", "aggregate" => aggregate)
            .set(figure(remembered));
        metrics::gauge!("factline_deadlines_overdue", "aggregate" => aggregate)
            .set(figure(overdue));
    }
}

/// Publishes the lag of each partition, from the end offsets in librdkafka's statistics.
pub(crate) fn publish_lag<A: Aggregate>(
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
