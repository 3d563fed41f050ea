//! Names the partitions that have records and do not move.
//!
//! Whatever the cause, such as an open transaction of a foreign producer, a call that does not
//! return or a defect, a process that does not handle existing records must not look healthy. This
//! only tells; [`stalled_partitions`](crate::consumer::stalled_partitions) mends one of the causes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::consumer::group::PartitionStatistics;
use crate::topics::TopicPartition;

/// Time without progress after which a partition is named.
const LIMIT: Duration = Duration::from_secs(30);

/// Progress of a host in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// A number that grows whenever the host handles a record.
    position: i64,
    /// Number of records that are not handled.
    records: i64,
}

/// The partitions of a host that have records, with the time of their last progress.
#[derive(Debug, Default)]
pub struct StuckPartitions(HashMap<TopicPartition, (Progress, Instant)>);

impl Progress {
    /// Returns the progress of a partition: the host's next offset, the number of records that it
    /// has polled and not handled, and the client's statistics.
    pub fn of(next: i64, pending: usize, statistics: PartitionStatistics) -> Self {
        let pending = i64::try_from(pending).unwrap_or(i64::MAX);
        // While nothing is pending, passing a marker or an aborted record is progress too.
        let position = if pending > 0 {
            next
        } else {
            next.max(statistics.position)
        };
        Self {
            position,
            records: statistics.remaining.saturating_add(pending),
        }
    }
}

impl StuckPartitions {
    /// Takes the progress of every partition that the host follows. Returns the reason for
    /// readiness if some do not move. It changes each time the time has doubled.
    pub fn observe(
        &mut self,
        now: Instant,
        partitions: impl IntoIterator<Item = (TopicPartition, Progress)>,
    ) -> Option<String> {
        let before = std::mem::take(&mut self.0);
        let mut reasons = Vec::new();
        for (key, progress) in partitions {
            if progress.records == 0 {
                continue;
            }
            let since = match before.get(&key) {
                Some((last, since)) if last.position >= progress.position => *since,
                _ => now,
            };
            if let Some(seconds) = told(now - since) {
                let (topic, partition) = &key;
                reasons.push(format!(
                    "{topic}/{partition} has records and has not moved for {seconds} s"
                ));
            }
            self.0.insert(key, (progress, since));
        }
        reasons.sort();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

/// Returns the seconds to be told: the limit, doubled while it is not more than the time.
fn told(time: Duration) -> Option<u64> {
    let doubled = std::iter::successors(Some(LIMIT), |limit| limit.checked_mul(2));
    let passed = doubled.take_while(|limit| *limit <= time).last();
    passed.map(|limit| limit.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(next: i64, pending: usize, position: i64, end: i64) -> Progress {
        let statistics = PartitionStatistics {
            unread: 0,
            end,
            position,
            remaining: end - position,
        };
        Progress::of(next, pending, statistics)
    }

    /// Returns what is told of one partition, given its progress at several seconds.
    fn told_of(observations: &[(u64, Progress)]) -> Vec<Option<String>> {
        let (mut stuck, start) = (StuckPartitions::default(), Instant::now());
        let observed = observations.iter().map(|(second, progress)| {
            let key = ("a.b.events".to_owned(), 3);
            stuck.observe(start + Duration::from_secs(*second), [(key, *progress)])
        });
        observed.collect()
    }

    #[test]
    fn partition_that_does_not_move_is_named() {
        let still = progress(5, 0, 5, 7);
        let told = told_of(&[
            (0, still),
            (29, still),
            (30, still),
            (59, still),
            (60, still),
        ]);
        let text = |seconds| format!("a.b.events/3 has records and has not moved for {seconds} s");
        assert_eq!(
            told,
            [None, None, Some(text(30)), Some(text(30)), Some(text(60))]
        );
    }

    #[test]
    fn progress_and_the_end_of_the_log_start_the_time_again() {
        let (still, moved, ended) = (
            progress(5, 0, 5, 7),
            progress(6, 0, 6, 7),
            progress(7, 0, 7, 7),
        );
        assert_eq!(
            told_of(&[(0, still), (40, moved), (69, moved)]),
            [const { None }; 3]
        );
        assert_eq!(
            told_of(&[(0, still), (40, ended), (50, still)]),
            [const { None }; 3]
        );
    }

    #[test]
    fn passing_markers_is_progress_and_fetching_behind_a_pending_record_is_not() {
        let markers = [(0, progress(5, 0, 5, 9)), (40, progress(5, 0, 8, 9))];
        assert_eq!(told_of(&markers), [None, None]);
        let pending = [(0, progress(5, 1, 6, 9)), (40, progress(5, 3, 8, 9))];
        assert!(told_of(&pending)[1].is_some());
    }
}
