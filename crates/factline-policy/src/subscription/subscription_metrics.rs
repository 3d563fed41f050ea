//! Metrics of a subscription. Every name begins with `factline_reaction_`; the label `reaction` is
//! the name of the subscription.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline_kafka::consumer::group::TopicPartition;

/// Metrics of one subscription.
pub(crate) struct Meters {
    subscription: String,
    /// Time at which each partition was last caught up.
    caught_up: HashMap<TopicPartition, Instant>,
}

impl Meters {
    pub(crate) fn new(subscription: &str) -> Self {
        Self {
            subscription: subscription.to_owned(),
            caught_up: HashMap::new(),
        }
    }

    /// Counts handled facts and records the duration of `handle`.
    pub(crate) fn handled(&self, facts: usize, took: Duration) {
        let labels = [("reaction", self.subscription.clone())];
        metrics::counter!("factline_reaction_facts_total", &labels).increment(facts as u64);
        metrics::histogram!("factline_reaction_effect_seconds", &labels).record(took);
    }

    /// Counts a retry.
    pub(crate) fn retried(&self) {
        metrics::counter!("factline_reaction_retries_total", "reaction" => self.subscription.clone())
            .increment(1);
    }

    /// Counts a fact that was skipped because it can never be handled.
    pub(crate) fn skipped(&self) {
        metrics::counter!("factline_reaction_skipped_total", "reaction" => self.subscription.clone())
            .increment(1);
    }

    /// Sets the number of parked keys.
    pub(crate) fn parked(&self, keys: usize) {
        let count = u32::try_from(keys).unwrap_or(u32::MAX);
        metrics::gauge!("factline_reaction_parked_keys", "reaction" => self.subscription.clone())
            .set(f64::from(count));
    }

    /// Sets the number of halted partitions.
    pub(crate) fn stopped(&self, partitions: usize) {
        let count = u32::try_from(partitions).unwrap_or(u32::MAX);
        metrics::gauge!("factline_reaction_partitions_stopped", "reaction" => self.subscription.clone())
            .set(f64::from(count));
    }

    /// Sets the lag of a partition: the number of records not handled, and the seconds since the
    /// partition was last caught up.
    pub(crate) fn lag(&mut self, key: &TopicPartition, unread: i64) {
        let now = Instant::now();
        let since = self.caught_up.entry(key.clone()).or_insert(now);
        if unread == 0 {
            *since = now;
        }
        let seconds = now.duration_since(*since).as_secs_f64();
        self.set_lag(key, unread, seconds);
    }

    /// Resets the lag of a revoked partition. Its new owner measures it now.
    pub(crate) fn released(&mut self, key: &TopicPartition) {
        self.caught_up.remove(key);
        self.set_lag(key, 0, 0.0);
    }

    fn set_lag(&self, key: &TopicPartition, records: i64, seconds: f64) {
        let labels = [
            ("reaction", self.subscription.clone()),
            ("topic", key.0.clone()),
            ("partition", key.1.to_string()),
        ];
        #[expect(
            clippy::cast_precision_loss,
            reason = "a lag needs no exact last digit"
        )]
        metrics::gauge!("factline_reaction_lag_records", &labels).set(records as f64);
        metrics::gauge!("factline_reaction_lag_seconds", &labels).set(seconds);
    }
}
