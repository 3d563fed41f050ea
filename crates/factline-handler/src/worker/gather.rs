//! Gathers the commands of the next transactions. Rebalances are served meanwhile, and nowhere
//! else.

use std::time::{Duration, Instant};

use factline::Aggregate;

use super::{Worker, WorkerExit};
use factline_kafka::client::transient::is_transient;
use factline_kafka::consumer::group::EXPECTING;
use factline_kafka::consumer::host::Polled;

/// Interval at which a worker that has gathered enough serves rebalances while it waits. Each check
/// may add a record. A worker that has gathered twice as much checks once.
const REBALANCE_CHECK: Duration = Duration::from_millis(20);

/// Number of full batches that are gathered at once. All but the last are committed while the next
/// one is decided. More of them would delay the answer to a rebalance.
pub(super) const BATCHES: usize = 4;

/// Maximum wait for a command while deadlines wait for one.
const DEADLINES_WAIT: Duration = Duration::from_millis(5);

impl<A: Aggregate> Worker<'_, A> {
    /// Polls until there is a record and no further one is available, or until enough is gathered.
    /// In any case it polls until a failed batch may be retried. One poll serves one event of
    /// librdkafka, which may be a line of its log. So the pause is spent polling: otherwise such
    /// events would delay the rebalance that ends the failure.
    pub(super) fn gather(&mut self) -> Result<(), WorkerExit> {
        // What was gathered of held partitions does not keep the others from being gathered.
        let pending = self.assignment.pending.iter();
        let pending = pending.filter(|record| !self.holds.contains(record.partition));
        let (mut count, mut bytes) = pending.fold((0, 0), |(count, bytes), record| {
            (count + 1, bytes + record.size())
        });
        let mut wait = match count {
            0 if self.idle.is_waiting() => DEADLINES_WAIT,
            0 if self.holds.are_fetching() => EXPECTING,
            0 => self.assignment.until_next_look(chrono::Utc::now()),
            _ => Duration::ZERO,
        };
        let retry_at = self.retries.take_next();
        // Both the number and the size of the commands that are gathered are limited.
        let most = self.max_batch * BATCHES;
        let most_bytes = self.shared_memory().gathered_bytes();
        let is_enough = |count, bytes| count >= most || bytes >= most_bytes;
        loop {
            let pause = retry_at.map_or(Duration::ZERO, |retry_at| {
                retry_at.saturating_duration_since(Instant::now())
            });
            if is_enough(count / 2, bytes / 2) {
                self.host.sleep(pause);
            } else if is_enough(count, bytes) {
                self.host.sleep(pause.min(REBALANCE_CHECK));
            }
            let polled = self.host.poll(wait.max(pause));
            self.take_changes()?;
            match polled? {
                Polled::Record(record) => {
                    if self.assignment.is_next(&record) {
                        count += 1;
                        bytes += record.size();
                        self.metrics.appended(record.timestamp);
                        self.assignment.pending.push(record);
                    }
                }
                Polled::Unavailable(error) if is_transient(&error) => {}
                Polled::Unavailable(error) => {
                    tracing::warn!(%error, "kafka consumer reports an error");
                }
                // A rebalance was served.
                Polled::Nothing if !pause.is_zero() => {}
                Polled::Nothing => break,
            }
            if pause.is_zero() && is_enough(count, bytes) {
                break;
            }
            wait = Duration::ZERO;
        }
        if self.committer.is_renamed() {
            Err(WorkerExit::Renamed)
        } else {
            Ok(())
        }
    }
}
