//! Whether records that are there arrive.
//!
//! librdkafka can leave a partition unfetched and say nothing: it pauses what it fetches for the time of a rebalance, and a call
//! that crosses one can be taken for its answer too early. Readiness would say that all is well, for ever. So now and then a
//! host asks the brokers about partitions in which nothing moves, and about those that the group has given to nobody.
//!
//! What is done about either is to join the group anew: with a new client, and for partitions without an owner as a
//! stranger, without the process's slot, which makes the group share its partitions out again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;

use crate::ends::ends;
use crate::member::{Key, positions};
use crate::orphans::orphans;

/// How often it is looked, and for how long something that is there may take to arrive.
const EVERY: Duration = Duration::from_secs(15);

/// A turn of the host that takes longer does not count: nothing could arrive in it.
const TURN: Duration = Duration::from_secs(1);

/// How long the brokers may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What was seen when it was looked last.
#[derive(Debug)]
pub struct Arrivals {
    looked: Instant,
    turned: Instant,
    seen: HashMap<Key, Seen>,
    orphans: BTreeSet<Key>,
    /// How many partitions the topics have.
    counts: HashMap<String, i32>,
}

/// Why records do not arrive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// Those of a partition that is fetched.
    #[error("records of {}/{} are there and do not arrive", .0.0, .0.1)]
    Unfetched(Key),
    /// Those of partitions that the group has given to nobody.
    #[error("nobody in the group has {}", listed(.0))]
    Orphans(BTreeSet<Key>),
}

impl Missing {
    /// Whether only a rebalance helps.
    pub fn is_orphaned(&self) -> bool {
        matches!(self, Self::Orphans(_))
    }
}

fn listed(keys: &BTreeSet<Key>) -> String {
    let places = keys
        .iter()
        .map(|(topic, partition)| format!("{topic}/{partition}"));
    places.collect::<Vec<_>>().join(" ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// How far the client had come.
    position: i64,
    /// Where the partition ended.
    end: i64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            looked: Instant::now(),
            turned: Instant::now(),
            seen: HashMap::new(),
            orphans: BTreeSet::new(),
            counts: HashMap::new(),
        }
    }
}

impl Arrivals {
    /// What does not arrive. A host calls it once in each of its turns, with its group and the topics that the group follows,
    /// and says which partitions it follows of which nothing is at hand, and from which record on. None as well if the
    /// brokers do not answer.
    pub fn missing<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        (group, topics): (&str, &[&str]),
        at_rest: impl FnOnce() -> Vec<(Key, i64)>,
    ) -> Option<Missing> {
        let turn = self.turned.elapsed();
        self.turned = Instant::now();
        if turn > TURN {
            self.looked += turn;
        }
        if self.turned.saturating_duration_since(self.looked) < EVERY {
            return None;
        }
        self.looked = self.turned;
        let missing = self.look(consumer, (group, topics), at_rest());
        self.turned = Instant::now();
        missing.unwrap_or_else(|error| {
            tracing::debug!(group, %error, "cannot see what should arrive");
            None
        })
    }

    fn look<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        (group, topics): (&str, &[&str]),
        at_rest: Vec<(Key, i64)>,
    ) -> KafkaResult<Option<Missing>> {
        let before = std::mem::take(&mut self.orphans);
        let counted = self.count(consumer, topics)?;
        self.orphans = orphans(consumer, group, &counted, TIMEOUT)?;
        let still: BTreeSet<Key> = self.orphans.intersection(&before).cloned().collect();
        if !still.is_empty() {
            return Ok(Some(Missing::Orphans(still)));
        }
        let before = std::mem::take(&mut self.seen);
        let positions: HashMap<Key, i64> = positions(consumer).into_iter().collect();
        let mut by_topic: BTreeMap<String, BTreeMap<i32, i64>> = BTreeMap::new();
        for ((topic, partition), next) in at_rest {
            by_topic.entry(topic).or_default().insert(partition, next);
        }
        for (topic, partitions) in by_topic {
            let asked: Vec<i32> = partitions.keys().copied().collect();
            for (partition, (_, end)) in ends(consumer, &topic, &asked, TIMEOUT)? {
                let key = (topic.clone(), partition);
                let next = partitions.get(&partition).copied().unwrap_or_default();
                let position = positions.get(&key).copied().unwrap_or(next).max(next);
                self.seen.insert(key, Seen { position, end });
            }
        }
        Ok(stuck(&before, &self.seen).map(Missing::Unfetched))
    }

    /// The topics that exist, and how many partitions each has.
    fn count<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        topics: &[&str],
    ) -> KafkaResult<Vec<(String, i32)>> {
        for topic in topics {
            if !self.counts.contains_key(*topic) {
                let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
                let known = metadata.topics().iter();
                let known = known.filter(|known| known.name() == *topic);
                let count = known.map(|known| known.partitions().len()).max();
                if let Some(count) = count.and_then(|count| i32::try_from(count).ok())
                    && count > 0
                {
                    self.counts.insert((*topic).to_owned(), count);
                }
            }
        }
        let counted = self.counts.iter();
        Ok(counted
            .map(|(topic, count)| (topic.clone(), *count))
            .collect())
    }
}

/// A partition that had more to come, and in which nothing has come since.
fn stuck(before: &HashMap<Key, Seen>, now: &HashMap<Key, Seen>) -> Option<Key> {
    let mut both = before
        .iter()
        .filter_map(|(key, seen)| Some((key, seen, now.get(key)?)));
    let stuck = both
        .find(|(_, before, now)| before.position < before.end && now.position == before.position);
    stuck.map(|(key, ..)| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        ("a.b.events".to_owned(), 7)
    }

    fn seen(position: i64, end: i64) -> HashMap<Key, Seen> {
        HashMap::from([(key(), Seen { position, end })])
    }

    #[test]
    fn what_is_there_and_does_not_come_is_stuck() {
        assert_eq!(stuck(&seen(3, 5), &seen(3, 5)), Some(key()));
        assert_eq!(stuck(&seen(3, 5), &seen(3, 9)), Some(key()));
    }

    #[test]
    fn what_moves_or_is_new_or_has_nothing_to_come_is_not() {
        assert_eq!(stuck(&seen(3, 5), &seen(4, 5)), None);
        assert_eq!(stuck(&seen(5, 5), &seen(5, 9)), None);
        assert_eq!(stuck(&HashMap::new(), &seen(3, 5)), None);
        assert_eq!(stuck(&seen(3, 5), &HashMap::new()), None);
    }
}
