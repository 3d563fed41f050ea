//! Assigned partitions: what happens to them at a rebalance.

use super::Error;
use super::group_offsets::{Beginning, Start};
use super::host::{Host, LONGEST_PAUSE};
use super::readiness::Trouble;
use factline::error_chain;
use factline_kafka::consumer::group::{TopicPartition, display_list};
use factline_kafka::consumer::host::Replace;

impl Host {
    /// Releases the partitions that a rebalance has revoked.
    pub(crate) fn take_changes(&mut self) {
        let changes = self.consumers.take_changes();
        if !changes.revoked.is_empty() {
            self.release(&changes.revoked);
            self.log("partitions revoked", &changes.revoked);
        }
    }

    pub(crate) fn release(&mut self, keys: &[TopicPartition]) {
        for key in keys {
            self.places.remove(key);
            self.parked.release(key);
            self.readiness.released(key);
            self.meters.released(key);
        }
        self.pending
            .retain(|record| !keys.iter().any(|key| record.is_of(key)));
        self.meters.stopped(self.places.stopped());
    }

    /// Replaces the consumer. The old one failed permanently, its start offset was invalid, or it
    /// did not fetch existing records.
    pub(crate) async fn rejoin(&mut self, reason: String) -> Result<(), Error> {
        if self.consumers.is_instance_taken() {
            return Err(Error::SlotTaken {
                name: self.subscription.name.clone(),
                instance: self.consumers.settings().kafka.instance.clone(),
            });
        }
        let name = &self.subscription.name;
        tracing::warn!(
            subscription = name,
            reason,
            "replacing the consumer and rejoining the group"
        );
        self.readiness.set(Trouble::Reading, Some(reason));
        tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LONGEST_PAUSE) => {}
        }
        self.release(&self.places.keys());
        self.pending.clear();
        // A failed commit of the old consumer is no longer relevant.
        self.readiness.set(Trouble::Committing, None);
        self.paused = false;
        self.consumers.rejoin()?;
        Ok(())
    }

    /// Starts the partitions whose start offsets are known.
    pub(crate) fn start_partitions(&mut self) {
        for reason in self.consumers.take_lookup_failures() {
            let name = &self.subscription.name;
            tracing::warn!(
                subscription = name,
                reason,
                "cannot start partitions yet; retrying"
            );
            self.meters.retried();
            self.readiness.set(Trouble::Beginning, Some(reason));
        }
        let begun = self.consumers.take_starts();
        match begun.and_then(|found| self.start_found(found)) {
            Ok(()) if self.consumers.is_started() => {
                self.readiness.set(Trouble::Beginning, None);
                self.readiness.set(Trouble::Joining, None);
            }
            Ok(()) => {}
            Err(reason) => self.rejoin_reason = Some(error_chain(&reason)),
        }
    }

    fn start_found(&mut self, found: Vec<(TopicPartition, Beginning)>) -> Result<(), Replace> {
        if found.is_empty() {
            return Ok(());
        }
        let (mut starts, mut begun, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for (key, beginning) in found {
            match beginning {
                Ok(Start {
                    committed,
                    sender,
                    identity,
                    letters,
                }) => {
                    self.facts.identify(identity);
                    for letter in &letters {
                        self.parked.add(letter);
                    }
                    starts.push((key.clone(), committed.offset));
                    begun.push((key, committed, sender));
                }
                Err(why) => lost.push((key, why)),
            }
        }
        self.consumers.fetch(&starts)?;
        let keys: Vec<TopicPartition> = starts.into_iter().map(|(key, _)| key).collect();
        for (key, committed, sender) in begun {
            self.places.insert(key, committed, sender);
        }
        for (key, why) in lost {
            self.places.insert_halted(&key);
            self.stop_partition(&key, &why);
        }
        if self.paused {
            self.pause();
        }
        self.log("started fetching partitions", &keys);
        Ok(())
    }

    fn log(&self, message: &'static str, keys: &[TopicPartition]) {
        let partitions = display_list(keys);
        tracing::info!(
            subscription = self.subscription.name,
            partitions,
            "{message}"
        );
    }
}
