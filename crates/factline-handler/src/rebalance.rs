//! Rebalances: how a worker releases partitions and takes new ones.
//!
//! Rebalances are served only inside `poll`, and the worker never polls while a transaction is
//! open, whichever thread commits it. So when a revocation is answered, every transaction that
//! includes the partition has ended. Directly after that poll, the worker releases the partition
//! with its records that were fetched and not handled. The reason: the broker would let a member of
//! the current generation commit for a partition that it no longer owns.

use factline::Aggregate;
use factline_failpoints::{Mutant, mutated};

use crate::log_events;
use crate::readiness::Problem;
use crate::recovery::committed_state::Recovered;
use crate::worker::{Worker, WorkerExit};
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::consumer::host::Changes;

impl<A: Aggregate> Worker<'_, A> {
    /// Releases what the group has revoked, and takes what it has assigned.
    pub(crate) fn take_changes(&mut self) -> Result<(), WorkerExit> {
        let Changes {
            revoked,
            assigned,
            assignment,
        } = self.host.take_changes();
        if !revoked.is_empty() {
            self.revoked(&revoked);
        }
        let Some(assignment) = assignment else {
            return Ok(());
        };
        let partitions: Vec<i32> = assigned
            .into_iter()
            .map(|(_, partition)| partition)
            .collect();
        let topic = self.factory.topics.commands();
        tracing::info!(topic, ?partitions, "partitions assigned");
        let member = assignment.membership.map(|membership| membership.member);
        let before = std::mem::replace(&mut self.assignment.member, member);
        let renamed = before != self.assignment.member && self.assignment.has_partitions();
        if !partitions.is_empty() {
            let begun = format!("restoring partitions {partitions:?}: 0 % of their events");
            self.readiness.set(Problem::Joining, None);
            self.readiness.set(Problem::Recovery, Some(begun));
            self.progress_reports.begin();
        }
        self.assignment.recovering.extend(partitions);
        if renamed && !mutated(Mutant::AnyMember) {
            return Err(WorkerExit::Renamed);
        }
        Ok(())
    }

    fn revoked(&mut self, revoked: &[TopicPartition]) {
        let partitions: Vec<i32> = revoked.iter().map(|(_, partition)| *partition).collect();
        tracing::info!(
            topic = self.factory.topics.commands(),
            event = log_events::PARTITIONS_REVOKED,
            ?partitions,
            "partitions revoked"
        );
        if !mutated(Mutant::KeepRevoked) {
            self.release(&partitions);
            for key in revoked {
                self.readiness.released(key);
            }
        }
    }

    /// Releases partitions. What was observed of their progress no longer counts.
    fn release(&mut self, partitions: &[i32]) {
        self.assignment.release(partitions);
        let topic = self.factory.topics.commands();
        self.holds.release(topic, partitions, &mut self.readiness);
        self.host.reset_stalled();
    }

    /// Starts to fetch partitions whose state has been recovered, and halts those that cannot be
    /// handled.
    ///
    /// The start offset is always a number. If it were "end", librdkafka would query the broker,
    /// and a late answer would move it to the end even after a seek to another offset.
    pub(crate) fn start_partitions(&mut self) -> Result<(), WorkerExit> {
        for reason in self.host.take_lookup_failures() {
            let topic = self.factory.topics.commands();
            tracing::warn!(topic, reason, "recovery failed; retrying");
            self.readiness.set(Problem::Recovery, Some(reason));
        }
        let recovered = self.host.take_starts()?;
        let mut starts = Vec::with_capacity(recovered.len());
        for (key, state) in recovered {
            starts.extend(self.start(key, state));
        }
        if !starts.is_empty() {
            self.host.fetch(&starts)?;
        }
        if self.host.is_started() {
            self.readiness.set(Problem::Joining, None);
            self.readiness.set(Problem::Recovery, None);
        } else if let Some(progress) = self.host.progress().recoveries().describe()
            && self.progress_reports.are_due()
        {
            self.readiness.set(Problem::Joining, None);
            self.readiness.set(Problem::Recovery, Some(progress));
        }
        Ok(())
    }

    /// Takes a recovered partition. Returns the offset from which it is fetched, if it is.
    fn start(&mut self, key: TopicPartition, state: Recovered<A>) -> Option<(TopicPartition, i64)> {
        self.assignment.recovering.remove(&key.1);
        match state {
            Ok(state) => {
                let next = state.next();
                self.assignment.partitions.insert(key.1, state);
                Some((key, next))
            }
            Err(reason) => {
                self.halt(&key, reason);
                None
            }
        }
    }

    /// Halts a partition; the others continue. It stays assigned to this member, so that no other
    /// member fails at the same record. It is also still fetched, because librdkafka could take a
    /// call that stops it for the answer to a rebalance.
    pub(crate) fn halt(&mut self, key: &TopicPartition, reason: String) {
        self.release(&[key.1]);
        tracing::error!(
            topic = key.0,
            partition = key.1,
            reason,
            "partition halted until an operator intervenes; other partitions continue"
        );
        self.assignment.halted.insert(key.1);
        self.readiness.halted(key.clone(), reason);
    }
}
