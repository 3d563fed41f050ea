//! What a worker tells of itself once a second, beside what it counts as it goes. What to do about each figure is in
//! `docs/operations.md`.

use std::time::{Duration, Instant};

use factline::Aggregate;
use rdkafka::Statistics;

use crate::assignment::Owned;

const EVERY: Duration = Duration::from_secs(1);

/// Says when it is time again.
#[derive(Debug)]
pub(crate) struct Meters(Option<Instant>);

impl Meters {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    /// Tells how much is held in memory and what is late.
    pub(crate) fn tell<A: Aggregate>(&mut self, owned: &Owned<A>, aggregate: &'static str) {
        if self.0.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        self.0 = Some(Instant::now());
        let now = chrono::Utc::now();
        let (mut aggregates, mut remembered, mut overdue, mut bytes) = (0, 0, 0, 0);
        for partition in owned.partitions.values() {
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

/// Tells how far handling is behind, partition by partition, from what librdkafka knows of the ends.
pub(crate) fn tell_lag<A: Aggregate>(owned: &Owned<A>, topic: &str, statistics: &Statistics) {
    let Some(known) = statistics.topics.get(topic) else {
        return;
    };
    let now = chrono::Utc::now();
    for (number, partition) in &owned.partitions {
        let Some(end) = known.partitions.get(number).map(|known| known.hi_offset) else {
            continue;
        };
        let behind = (end - partition.next()).max(0);
        // The last command that was handled came before the first that was not.
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
