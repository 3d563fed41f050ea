//! What a reaction counts and measures. Every name begins with `factline_reaction_`; `reaction` is its name.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline_kafka::consumer::group::Key;

/// The meters of one subscription.
pub(crate) struct Meters {
    subscription: String,
    /// When each partition was last seen to have nothing more.
    caught_up: HashMap<Key, Instant>,
}

impl Meters {
    pub(crate) fn new(subscription: &str) -> Self {
        Self {
            subscription: subscription.to_owned(),
            caught_up: HashMap::new(),
        }
    }

    /// An effect has succeeded.
    pub(crate) fn carried_out(&self, facts: usize, took: Duration) {
        let labels = [("reaction", self.subscription.clone())];
        metrics::counter!("factline_reaction_facts_total", &labels).increment(facts as u64);
        metrics::histogram!("factline_reaction_effect_seconds", &labels).record(took);
    }

    /// Something is tried again.
    pub(crate) fn retried(&self) {
        metrics::counter!("factline_reaction_retries_total", "reaction" => self.subscription.clone())
            .increment(1);
    }

    /// How many partitions are stopped.
    pub(crate) fn stopped(&self, partitions: usize) {
        let count = u32::try_from(partitions).unwrap_or(u32::MAX);
        metrics::gauge!("factline_reaction_partitions_stopped", "reaction" => self.subscription.clone())
            .set(f64::from(count));
    }

    /// Lag of a partition: in records not reacted to, and in seconds since there was none.
    pub(crate) fn lag(&mut self, key: &Key, unread: i64) {
        let now = Instant::now();
        let since = self.caught_up.entry(key.clone()).or_insert(now);
        if unread == 0 {
            *since = now;
        }
        let seconds = now.duration_since(*since).as_secs_f64();
        self.set_lag(key, unread, seconds);
    }

    /// A partition went to another instance, which now measures it.
    pub(crate) fn released(&mut self, key: &Key) {
        self.caught_up.remove(key);
        self.set_lag(key, 0, 0.0);
    }

    fn set_lag(&self, key: &Key, records: i64, seconds: f64) {
        let labels = [
            ("reaction", self.subscription.clone()),
            ("topic", key.0.clone()),
            ("partition", key.1.to_string()),
        ];
        #[expect(
            clippy::cast_precision_loss,
            reason = "nobody reads a lag to the last digit"
        )]
        metrics::gauge!("factline_reaction_lag_records", &labels).set(records as f64);
        metrics::gauge!("factline_reaction_lag_seconds", &labels).set(seconds);
    }
}
