//! Metrics of a follower. Every name begins with `factline_follower_`; the labels `view`
//! and `version` are those of the follower.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline::Timestamp;

use crate::checkpoint::{Cursor, FollowerId};
use crate::parked_keys::ParkedKey;
use factline_kafka::consumer::group::TopicPartition;

/// Metrics of one follower.
pub(crate) struct Meters {
    view: String,
    version: String,
    /// Time at which each partition was last caught up.
    caught_up: HashMap<TopicPartition, Timestamp>,
}

impl Meters {
    pub(crate) fn new(owner: &FollowerId) -> Self {
        Self {
            view: owner.view.clone(),
            version: owner.version.to_string(),
            caught_up: HashMap::new(),
        }
    }

    /// Counts a committed batch.
    pub(crate) fn committed(&self, records: usize, since: Instant) {
        let labels = self.own_labels();
        metrics::counter!("factline_follower_records_total", &labels).increment(records as u64);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a batch has thousands of records"
        )]
        metrics::histogram!("factline_follower_batch_records", &labels).record(records as f64);
        metrics::histogram!("factline_follower_transaction_seconds", &labels)
            .record(since.elapsed());
    }

    /// Counts a retried transaction.
    pub(crate) fn retried(&self) {
        metrics::counter!("factline_follower_retries_total", &self.own_labels()).increment(1);
    }

    /// Counts a restart because a checkpoint was moved by another instance, or with its database.
    pub(crate) fn fenced(&self) {
        metrics::counter!("factline_follower_fenced_total", &self.own_labels()).increment(1);
    }

    /// Sets whether a partition is halted.
    pub(crate) fn stopped(&self, key: &TopicPartition, stopped: bool) {
        metrics::gauge!("factline_follower_stopped", &self.labels(key))
            .set(f64::from(u8::from(stopped)));
    }

    /// Counts a record that was skipped because it cannot be applied.
    pub(crate) fn skipped(&self) {
        metrics::counter!("factline_follower_skipped_total", &self.own_labels()).increment(1);
    }

    /// Sets the number of parked keys and records, and the age of the oldest key.
    pub(crate) fn parked<'k>(&self, parked: impl Iterator<Item = &'k ParkedKey>, now: Timestamp) {
        let (mut keys, mut records, mut oldest) = (0_u32, 0_u64, now);
        for key in parked {
            keys += 1;
            records += key.records;
            oldest = oldest.min(key.since);
        }
        let age = (now - oldest).to_std().unwrap_or(Duration::ZERO);
        let labels = self.own_labels();
        metrics::gauge!("factline_follower_parked_keys", &labels).set(f64::from(keys));
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count needs no exact last digit"
        )]
        metrics::gauge!("factline_follower_parked_records", &labels).set(records as f64);
        metrics::gauge!("factline_follower_parked_seconds", &labels).set(age.as_secs_f64());
    }

    /// Sets the lag of one partition: the number of records not applied, and the seconds since the
    /// partition was last caught up. While it is catching up, the seconds count from the timestamp
    /// of the last applied record.
    pub(crate) fn lag(
        &mut self,
        key: &TopicPartition,
        unread: i64,
        applied: &Cursor,
        now: Timestamp,
    ) {
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
            reason = "a lag needs no exact last digit"
        )]
        metrics::gauge!("factline_follower_lag_records", &labels).set(unread as f64);
        metrics::gauge!("factline_follower_lag_seconds", &labels).set(seconds);
    }

    /// Forgets when a partition was caught up: its checkpoint may be an older one.
    pub(crate) fn restarted(&mut self, key: &TopicPartition) {
        self.caught_up.remove(key);
    }

    /// Resets the lag of a revoked partition. Its new owner measures it now.
    pub(crate) fn released(&mut self, key: &TopicPartition) {
        self.caught_up.remove(key);
        let labels = self.labels(key);
        metrics::gauge!("factline_follower_lag_records", &labels).set(0.0);
        metrics::gauge!("factline_follower_lag_seconds", &labels).set(0.0);
        self.stopped(key, false);
    }

    fn own_labels(&self) -> [(&'static str, String); 2] {
        [
            ("view", self.view.clone()),
            ("version", self.version.clone()),
        ]
    }

    fn labels(&self, key: &TopicPartition) -> [(&'static str, String); 4] {
        let [view, version] = self.own_labels();
        [
            view,
            version,
            ("topic", key.0.clone()),
            ("partition", key.1.to_string()),
        ]
    }
}
