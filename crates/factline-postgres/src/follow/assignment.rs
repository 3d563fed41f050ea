//! Assigned partitions: what happens to them at a rebalance, and when another instance has moved
//! their checkpoints.

use factline_kafka::Record;
use factline_kafka::consumer::group::{TopicPartition, display_list, positions};
use factline_kafka::consumer::host::Replace;

use super::{Error, Host, LONGEST_PAUSE};
use crate::partition::Partitions;
use crate::readiness::Trouble;

impl Host {
    /// Releases the partitions that a rebalance has revoked, with their polled records.
    pub(super) fn take_changes(&mut self, polled: &mut Vec<Record>) {
        let changes = self.consumers.take_changes();
        if !changes.assigned.is_empty() {
            self.readiness.set(Trouble::Topics, None);
        }
        let revoked = changes.revoked;
        if revoked.is_empty() {
            return;
        }
        for key in &revoked {
            self.release(key);
            self.meters.released(key);
        }
        polled.retain(|record| !revoked.iter().any(|key| record.is_of(key)));
        self.log("partitions revoked", &revoked);
    }

    /// Starts the partitions whose checkpoints are loaded.
    pub(super) fn start_partitions(&mut self) -> Result<(), Replace> {
        for reason in self.consumers.take_lookup_failures() {
            let view = &self.follower.owner.view;
            tracing::warn!(view, reason, "cannot start partitions yet; retrying");
            self.meters.retried();
            self.readiness.set(Trouble::Beginning, Some(reason));
        }
        self.start_found()?;
        if self.consumers.is_started() {
            self.readiness.set(Trouble::Beginning, None);
            self.readiness.set(Trouble::Joining, None);
            // Clears the failure of a batch that was dropped with its partitions, or of the
            // previous client.
            self.readiness.set(Trouble::Writing, None);
        }
        Ok(())
    }

    /// Restarts all partitions from their checkpoints after one has been moved: by another
    /// instance, or because the database went back in time. The current batch is dropped.
    pub(super) fn reload_checkpoints(&mut self) {
        self.meters.fenced();
        let keys: Vec<TopicPartition> = self.partitions.iter().map(|(key, _)| key).collect();
        self.log(
            "checkpoints were moved by another instance, or the database went back in time; \
             continuing at the checkpoints",
            &keys,
        );
        for key in &keys {
            self.meters.restarted(key);
            self.release(key);
        }
        self.consumers.restart(keys);
    }

    /// Replaces the consumer. The old one failed permanently, its start offset was invalid, or it
    /// did not fetch existing records.
    pub(super) async fn rejoin(
        &mut self,
        error: &(dyn std::error::Error + 'static),
    ) -> Result<(), Error> {
        if self.consumers.is_instance_taken() {
            let view = self.follower.owner.view.clone();
            let instance = self.consumers.settings().kafka.instance.clone();
            return Err(Error::SlotTaken { view, instance });
        }
        self.wait_before_retry(error, LONGEST_PAUSE).await;
        for key in std::mem::take(&mut self.partitions)
            .iter()
            .map(|(key, _)| key)
        {
            self.readiness.released(&key);
            self.unrecorded.released(&key);
        }
        self.consumers.rejoin()?;
        Ok(())
    }

    fn release(&mut self, key: &TopicPartition) {
        self.partitions.remove(key);
        self.readiness.released(key);
        self.unrecorded.released(key);
    }

    fn start_found(&mut self) -> Result<(), Replace> {
        let found = self.consumers.take_starts()?;
        if found.is_empty() {
            return Ok(());
        }
        let (mut starts, mut stops) = (Vec::new(), Vec::new());
        let mut begun = Partitions::default();
        for (key, found) in found {
            let cursor = found.checkpoint.cursor.clone();
            let stop = found.stop();
            if stop.is_none() {
                starts.push((key.clone(), cursor.next_offset));
            }
            begun.insert(&key, found.kind, cursor, found.parked, stop.is_some());
            stops.extend(stop.map(|stop| (key, stop)));
        }
        self.consumers.fetch(&starts)?;
        begun.begun(&positions(self.consumers.consumer()));
        self.partitions.extend(begun);
        self.stored.moved();
        for (key, stop) in stops {
            self.stop(&key, &stop);
        }
        let keys: Vec<TopicPartition> = starts.into_iter().map(|(key, _)| key).collect();
        self.log("started fetching partitions", &keys);
        Ok(())
    }

    fn log(&self, message: &'static str, keys: &[TopicPartition]) {
        let partitions = display_list(keys);
        tracing::info!(view = self.follower.owner.view, partitions, "{message}");
    }
}
