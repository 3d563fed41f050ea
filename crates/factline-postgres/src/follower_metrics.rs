//! What a follower counts and measures. Every name begins with `factline_follower_`; `view` is the follower's name.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline::Timestamp;

use crate::checkpoint::Cursor;
use factline_kafka::consumer::group::Key;

/// The meters of one follower.
pub(crate) struct Meters {
    view: String,
    /// When each partition was last seen to have nothing more to apply.
    caught_up: HashMap<Key, Timestamp>,
}

impl Meters {
    pub(crate) fn new(view: &str) -> Self {
        Self {
            view: view.to_owned(),
            caught_up: HashMap::new(),
        }
    }

    /// A batch was committed.
    pub(crate) fn committed(&self, records: usize, since: Instant) {
        let labels = [("view", self.view.clone())];
        metrics::counter!("factline_follower_records_total", &labels).increment(records as u64);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a batch has thousands of records"
        )]
        metrics::histogram!("factline_follower_batch_records", &labels).record(records as f64);
        metrics::histogram!("factline_follower_transaction_seconds", &labels)
            .record(since.elapsed());
    }

    /// A transaction is tried again.
    pub(crate) fn retried(&self) {
        metrics::counter!("factline_follower_retries_total", "view" => self.view.clone())
            .increment(1);
    }

    /// Another instance had moved a checkpoint.
    pub(crate) fn fenced(&self) {
        metrics::counter!("factline_follower_fenced_total", "view" => self.view.clone())
            .increment(1);
    }

    /// Whether a partition is stopped.
    pub(crate) fn stopped(&self, key: &Key, stopped: bool) {
        metrics::gauge!("factline_follower_stopped", &self.labels(key))
            .set(f64::from(u8::from(stopped)));
    }

    /// Lag of one partition: in records not applied, and in seconds since it was last up to date or, if it is being
    /// worked off, since the timestamp of the last record applied.
    pub(crate) fn lag(&mut self, key: &Key, unread: i64, applied: &Cursor, now: Timestamp) {
        let seconds = if unread == 0 {
            self.caught_up.insert(key.clone(), now);
            0.0
        } else {
            let known = self.caught_up.get(key).copied().max(applied.event_time);
            known.map_or(0.0, |since| {
                (now - since)
                    .to_std()
                    .unwrap_or(Duration::ZERO)
                    .as_secs_f64()
            })
        };
        let labels = self.labels(key);
        #[expect(
            clippy::cast_precision_loss,
            reason = "nobody reads a lag to the last digit"
        )]
        metrics::gauge!("factline_follower_lag_records", &labels).set(unread as f64);
        metrics::gauge!("factline_follower_lag_seconds", &labels).set(seconds);
    }

    /// A partition went to another instance, which now measures it.
    pub(crate) fn released(&mut self, key: &Key) {
        self.caught_up.remove(key);
        let labels = self.labels(key);
        metrics::gauge!("factline_follower_lag_records", &labels).set(0.0);
        metrics::gauge!("factline_follower_lag_seconds", &labels).set(0.0);
        self.stopped(key, false);
    }

    fn labels(&self, key: &Key) -> [(&'static str, String); 3] {
        [
            ("view", self.view.clone()),
            ("topic", key.0.clone()),
            ("partition", key.1.to_string()),
        ]
    }
}
