//! Halts of partitions: how the host reports them, and records them for readers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use factline::error_chain;
use factline_kafka::consumer::group::TopicPartition;

use super::Host;
use crate::halted::{self, Fault, Halt};
use crate::partition::Stop;

/// Pause before halts are recorded again after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Maximum duration of an attempt.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Halts that the database does not have yet.
#[derive(Default)]
pub(super) struct Unrecorded {
    halts: BTreeMap<TopicPartition, Reason>,
    /// Time of the last failure.
    failed: Option<Instant>,
}

/// Reason of a halt.
struct Reason {
    /// Offset of the record; none if the log does not have the next one.
    offset: Option<i64>,
    text: String,
}

impl Unrecorded {
    /// Forgets a partition that this host does not have any more.
    pub(super) fn released(&mut self, key: &TopicPartition) {
        self.halts.remove(key);
    }
}

impl Host {
    /// Halts a partition, logs an error and reports it.
    pub(super) fn stop(&mut self, key: &TopicPartition, stop: &Stop) {
        let why = error_chain(stop);
        let (topic, partition) = (&key.0, key.1);
        tracing::error!(
            view = self.follower.owner.view,
            topic,
            partition,
            reason = why,
            "partition halted; other partitions continue"
        );
        self.partitions.stop(key);
        self.meters.stopped(key, true);
        self.consumers.halt(key);
        let reason = Reason {
            offset: stop.record(),
            text: why.clone(),
        };
        self.unrecorded.halts.insert(key.clone(), reason);
        self.readiness.halted(key.clone(), why);
    }

    /// Records halts for readers. The records before them are committed. After a failure a later
    /// iteration retries.
    pub(super) async fn record_halts(&mut self) {
        let Unrecorded { halts, failed } = &self.unrecorded;
        let is_early = failed.is_some_and(|at| at.elapsed() < RETRY_PAUSE);
        // At shutdown a batch may not be committed; the successor halts again.
        if halts.is_empty() || is_early || self.shutdown.is_cancelled() {
            return;
        }
        let halts: Vec<Halt> = halts
            .iter()
            .filter_map(|(key, reason)| self.halt(key, reason))
            .collect();
        let attempt = async {
            let mut connection = self.pool.acquire().await?;
            halted::record(&mut connection, &self.follower.owner, &halts).await
        };
        let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        let result = tokio::time::timeout(TIMEOUT, attempt).await.map_err(late);
        match result.and_then(|recorded| recorded) {
            Ok(()) => self.unrecorded = Unrecorded::default(),
            Err(error) => {
                tracing::debug!(%error, "cannot record halted partitions; retrying");
                self.unrecorded.failed = Some(Instant::now());
            }
        }
    }

    fn halt(&self, key: &TopicPartition, reason: &Reason) -> Option<Halt> {
        let fence = self.partitions.fence(key)?;
        let fault = match reason.offset {
            Some(_) => Fault::Record,
            None => Fault::Log,
        };
        Some(Halt {
            place: key.clone(),
            fence,
            sequence: self.partitions.sequence(key)?,
            offset: reason.offset.unwrap_or(fence.0),
            fault,
            reason: reason.text.clone(),
        })
    }
}
