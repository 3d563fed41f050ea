//! Detects partitions that have records but are not being fetched.
//!
//! librdkafka can stop fetching a partition without an error. It pauses its fetchers during a
//! rebalance, and it can take a call that crosses a rebalance for the answer too early. Readiness
//! would then report that all is well, for ever. So every 15 seconds a host queries the end offsets
//! of partitions that make no progress. If such a partition has records, the host creates a new
//! client. Every 15 seconds it also looks for partitions that [no group member
//! owns](crate::consumer::unassigned_partitions), and forces a rebalance.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaResult;

use crate::client::broker_queries::{Answer, BrokerQueries, Client, Isolation};
use crate::client::config::KafkaConfig;
use crate::consumer::group::{TopicPartition, display_list, positions};
use crate::consumer::unassigned_partitions::{force_rebalance, unassigned_partitions};
use crate::retry::random_fraction;
use crate::topics::watermarks::{count_of, ends_of_all};

/// Number of partitions of each topic.
type Counts = BTreeMap<String, i32>;

/// Interval between two checks, and the time that a record may take to be fetched.
const INTERVAL: Duration = Duration::from_secs(15);

/// Maximum part of a host's turn that counts: during a longer turn no record could be fetched.
const TURN: Duration = Duration::from_secs(1);

/// Number of checks without progress after which a partition counts as stalled while other
/// partitions have a backlog: those are served first.
const BACKLOG: u32 = 20;

/// Maximum interval between two checks for unassigned partitions. A rebalance that leaves
/// partitions unassigned doubles the interval.
const MAX_INTERVAL: Duration = Duration::from_mins(10);

/// Maximum wait for the brokers' answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Result of the last check of a group member. It outlives the client, because a new client may be
/// no remedy.
#[derive(Debug)]
pub struct StalledPartitions {
    kafka: KafkaConfig,
    group: String,
    topics: Vec<String>,
    queries: BrokerQueries,
    /// Pending query of the end offsets.
    ends: Option<Answer<HashMap<TopicPartition, KafkaResult<i64>>>>,
    /// Pending query of the partitions without an owner.
    owners: Option<Answer<(Counts, BTreeSet<TopicPartition>)>>,
    /// Partition counts of the topics that are known to exist.
    counts: Counts,
    turned: Instant,
    /// Time since the last check in which a record could be fetched.
    open: Duration,
    seen: HashMap<TopicPartition, Seen>,
    /// Number of checks without progress after which a partition counts as stalled. Each detection
    /// doubles it, so that a stall that no new client resolves does not block all other work of the
    /// host.
    threshold: u32,
    owners_checked: Instant,
    /// Interval between two checks for unassigned partitions. It grows when a rebalance does not
    /// help.
    owners_interval: Duration,
    unassigned: BTreeSet<TopicPartition>,
}

/// A partition that has records which are not being fetched.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("partition {}/{} has records that are not being fetched", .0.0, .0.1)]
pub struct Unfetched(TopicPartition);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// Position of the client.
    position: i64,
    /// End offset of the partition.
    end: i64,
    /// Number of consecutive checks in which the position did not move although there were records.
    still: u32,
}

impl StalledPartitions {
    /// Creates the check for this process's member of the group.
    pub fn new(kafka: &KafkaConfig, group: &str, topics: &[impl AsRef<str>]) -> Self {
        Self {
            kafka: kafka.clone(),
            group: group.to_owned(),
            // Records after an open transaction are not readable yet.
            queries: BrokerQueries::new(kafka, Isolation::ReadCommitted),
            ends: None,
            owners: None,
            topics: topics
                .iter()
                .map(|topic| topic.as_ref().to_owned())
                .collect(),
            counts: Counts::new(),
            turned: Instant::now(),
            open: Duration::ZERO,
            seen: HashMap::new(),
            threshold: 1,
            // A random part of the interval, so that not all members check at the same time. The
            // first member that sees an unassigned partition in two checks forces the rebalance.
            owners_checked: Instant::now() + random_part(INTERVAL),
            owners_interval: INTERVAL,
            unassigned: BTreeSet::new(),
        }
    }

    /// Removes the observations of a partition that was revoked.
    pub fn released(&mut self, partition: &TopicPartition) {
        self.seen.remove(partition);
    }

    /// Removes all observations, for example when there is a new client.
    pub fn reset(&mut self) {
        self.seen.clear();
        self.ends = None;
    }

    /// Returns a partition that is stalled. A host calls this once in each turn. `followed` returns
    /// the partitions that the host follows: each with the offset of its next record, or with
    /// `None` while the host still has records of it. Returns `None` as well if the brokers do not
    /// answer. It never waits for the brokers.
    pub fn find_stalled<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        followed: impl FnOnce() -> Vec<(TopicPartition, Option<i64>)>,
    ) -> Option<Unfetched> {
        self.open += self.turned.elapsed().min(TURN);
        self.check_unassigned();
        let stalled = self.check_ends(consumer, followed);
        self.turned = Instant::now();
        stalled.map(Unfetched)
    }

    /// Sends the query for unassigned partitions, or takes its answer.
    fn check_unassigned(&mut self) {
        let Some(answer) = &mut self.owners else {
            if self.owners_checked.elapsed() > self.owners_interval {
                let (group, topics) = (self.group.clone(), self.topics.clone());
                let counts = self.counts.clone();
                let question =
                    move |client: &Client| find_unassigned(client, &group, &topics, counts);
                self.owners = Some(self.queries.ask(question));
            }
            return;
        };
        let Some(answer) = answer.take() else {
            return;
        };
        self.owners = None;
        self.owners_checked = Instant::now();
        match answer {
            Ok((counts, found)) => {
                self.counts = counts;
                self.answered("owners");
                self.handle_unassigned(found);
            }
            Err(error) => {
                let group = &self.group;
                tracing::debug!(group, %error, "cannot read the assignments of the group");
            }
        }
    }

    /// Forces a rebalance if a partition was unassigned in two consecutive checks.
    fn handle_unassigned(&mut self, found: BTreeSet<TopicPartition>) {
        if found.is_empty() {
            self.owners_interval = INTERVAL;
        }
        if found.is_disjoint(&self.unassigned) {
            self.unassigned = found;
            return;
        }
        let (group, partitions) = (
            &self.group,
            display_list(found.intersection(&self.unassigned)),
        );
        tracing::warn!(
            group,
            partitions,
            "partitions have no owner; forcing a rebalance"
        );
        force_rebalance(&self.kafka, &self.group, &self.topics);
        self.owners_interval = (self.owners_interval * 2).min(MAX_INTERVAL);
        self.unassigned.clear();
        // A topic may have been deleted meanwhile, or have more partitions.
        self.counts.clear();
    }

    /// Queries the end offsets, and evaluates the answer.
    fn check_ends<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        followed: impl FnOnce() -> Vec<(TopicPartition, Option<i64>)>,
    ) -> Option<TopicPartition> {
        let Some(answer) = &mut self.ends else {
            if self.open > INTERVAL {
                self.open = Duration::ZERO;
                let followed = followed().into_iter();
                let partitions: Vec<TopicPartition> = followed
                    .filter_map(|(key, next)| next.map(|_| key))
                    .collect();
                let question = move |client: &Client| Ok(ends_of_all(client, &partitions, TIMEOUT));
                self.ends = Some(self.queries.ask(question));
            }
            return None;
        };
        let answer = answer.take()?;
        self.ends = None;
        match answer {
            Ok(ends) => {
                let known = ends
                    .into_iter()
                    .filter_map(|(key, end)| Some((key, end.ok()?)));
                self.answered("ends");
                self.judge(
                    &positions(consumer).into_iter().collect(),
                    &known.collect(),
                    followed(),
                )
            }
            Err(error) => {
                let group = &self.group;
                tracing::debug!(group, %error, "cannot read the end offsets of partitions");
                self.seen.clear();
                None
            }
        }
    }

    fn answered(&self, question: &'static str) {
        metrics::counter!("factline_watchdog_answers_total", "group" => self.group.clone(), "question" => question)
            .increment(1);
    }

    /// Returns a stalled partition. It compares end offsets that were queried a moment ago with the
    /// client's present positions, so records that were fetched in between count as fetched.
    fn judge(
        &mut self,
        positions: &HashMap<TopicPartition, i64>,
        ends: &HashMap<TopicPartition, i64>,
        followed: Vec<(TopicPartition, Option<i64>)>,
    ) -> Option<TopicPartition> {
        let (mut now, mut some_at_hand) = (HashMap::new(), false);
        for (key, next) in followed {
            match (next, ends.get(&key)) {
                (Some(next), Some(end)) => {
                    let position = positions.get(&key).copied().unwrap_or(next).max(next);
                    now.insert(key, (position, *end));
                }
                // The partition was assigned after the query.
                (Some(_), None) => {}
                (None, _) => some_at_hand = true,
            }
        }
        let (seen, moved) = compare(&self.seen, now);
        let is_first = std::mem::replace(&mut self.seen, seen).is_empty();
        let limit = if moved || some_at_hand {
            BACKLOG * self.threshold
        } else {
            self.threshold
        };
        match self.seen.iter().max_by_key(|(_, seen)| seen.still) {
            Some((key, seen)) if seen.still >= limit => {
                let key = key.clone();
                self.seen.clear();
                self.threshold = (self.threshold * 2).min(BACKLOG);
                Some(key)
            }
            Some((_, seen)) if seen.still == 0 && !is_first => {
                self.threshold = 1;
                None
            }
            _ => None,
        }
    }
}

/// Returns the partitions that no group member owns, and the partition counts of the topics that
/// exist. Unknown counts are queried first.
fn find_unassigned(
    client: &Client,
    group: &str,
    topics: &[String],
    mut counts: Counts,
) -> KafkaResult<(Counts, BTreeSet<TopicPartition>)> {
    for topic in topics {
        if !counts.contains_key(topic)
            && let Some(count) = count_of(client, topic, TIMEOUT)?
        {
            counts.insert(topic.clone(), count);
        }
    }
    let found = unassigned_partitions(client, group, &counts, TIMEOUT)?;
    Ok((counts, found))
}

/// Returns a random part of a duration.
fn random_part(whole: Duration) -> Duration {
    whole.mul_f64(random_fraction())
}

/// Compares the present positions with the last observations. Returns whether any position has
/// moved.
fn compare(
    before: &HashMap<TopicPartition, Seen>,
    now: HashMap<TopicPartition, (i64, i64)>,
) -> (HashMap<TopicPartition, Seen>, bool) {
    let mut moved = false;
    let seen = now.into_iter().map(|(key, (position, end))| {
        let still = match before.get(&key) {
            Some(before) if before.position < position => {
                moved = true;
                0
            }
            Some(before) if before.position < before.end => before.still + 1,
            _ => 0,
        };
        let seen = Seen {
            position,
            end,
            still,
        };
        (key, seen)
    });
    (seen.collect(), moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> TopicPartition {
        ("a.b.events".to_owned(), partition)
    }

    /// Returns the number of checks without progress, given the positions and ends of several
    /// checks.
    fn still(checks: &[(i64, i64)]) -> u32 {
        let mut seen = HashMap::new();
        for check in checks {
            seen = compare(&seen, HashMap::from([(key(7), *check)])).0;
        }
        seen[&key(7)].still
    }

    #[test]
    fn compare_counts_checks_without_progress() {
        assert_eq!(still(&[(3, 5), (3, 5)]), 1);
        assert_eq!(still(&[(3, 5), (3, 9), (3, 9)]), 2);
    }

    #[test]
    fn compare_resets_the_count_after_progress() {
        assert_eq!(still(&[(3, 5), (3, 5), (4, 5)]), 0);
        assert_eq!(still(&[(5, 5), (5, 9)]), 0);
        assert_eq!(still(&[(3, 5)]), 0);
    }

    #[test]
    fn compare_reports_progress_beside_a_stall() {
        let (seen, _) = compare(
            &HashMap::new(),
            HashMap::from([(key(1), (0, 9)), (key(2), (0, 9))]),
        );
        let (seen, moved) = compare(&seen, HashMap::from([(key(1), (4, 9)), (key(2), (0, 9))]));
        assert!(moved);
        assert_eq!((seen[&key(1)].still, seen[&key(2)].still), (0, 1));
    }
}
