//! Whether records that are there arrive.
//!
//! librdkafka can leave a partition unfetched and say nothing: it pauses what it fetches for the time of a rebalance, and a call
//! that crosses one can be taken for its answer too early. Readiness would say that all is well, for ever. So now and then a
//! host asks the brokers about partitions in which nothing moves, and makes a new client if there should be something; and it
//! asks about those that the group has given to [nobody](crate::consumer::unassigned_partitions), and makes the group share out anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaResult;

use crate::client::broker_queries::{Answer, BrokerQueries, Client, Isolation};
use crate::client::config::KafkaConfig;
use crate::consumer::group::{Key, listed, positions};
use crate::consumer::unassigned_partitions::{orphans, share_out_anew};
use crate::topics::watermarks::{count_of, ends_of_all};

/// Number of partitions of each topic.
type Counts = BTreeMap<String, i32>;

/// How often it is looked, and for how long something that is there may take to arrive.
const EVERY: Duration = Duration::from_secs(15);

/// What of a turn of the host counts at most: in a longer one nothing could arrive.
const TURN: Duration = Duration::from_secs(1);

/// How often nothing has to have come of one partition while there is a backlog of others: those have their turn first.
const BACKLOG: u32 = 20;

/// How long it is not looked for orphans again, at most, after a group that shared out anew still had some.
const LONGEST: Duration = Duration::from_mins(10);

/// How long the brokers may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What was seen when it was looked last. It outlives a client, since a new one may be of no help.
#[derive(Debug)]
pub struct Arrivals {
    kafka: KafkaConfig,
    group: String,
    topics: Vec<String>,
    queries: BrokerQueries,
    /// End offsets of partitions, while the brokers are asked.
    ends: Option<Answer<HashMap<Key, KafkaResult<i64>>>>,
    /// Partitions without an owner, while the brokers are asked.
    unowned: Option<Answer<(Counts, BTreeSet<Key>)>>,
    /// Of those topics that were seen to exist.
    counts: Counts,
    turned: Instant,
    /// For how long something could arrive since it was looked last.
    open: Duration,
    seen: HashMap<Key, Seen>,
    /// How often nothing has to have come of a partition. Doubled each time, so that what no new client gets over does not
    /// keep the host from all else.
    patience: u32,
    asked: Instant,
    /// How often it is looked for orphans; the longer, the less it has helped.
    asking: Duration,
    orphans: BTreeSet<Key>,
}

/// Records are there, and do not arrive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("records of {}/{} are there and do not arrive", .0.0, .0.1)]
pub struct Unfetched(Key);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// How far the client had come.
    position: i64,
    /// Where the partition ended.
    end: i64,
    /// At how many looks in a row nothing had come of it, though there was more.
    still: u32,
}

impl Arrivals {
    /// Of the group's member that this process is.
    pub fn new(kafka: &KafkaConfig, group: &str, topics: &[impl AsRef<str>]) -> Self {
        Self {
            kafka: kafka.clone(),
            group: group.to_owned(),
            // What stands behind an open transaction is not there yet.
            queries: BrokerQueries::new(kafka, Isolation::ReadCommitted),
            ends: None,
            unowned: None,
            topics: topics
                .iter()
                .map(|topic| topic.as_ref().to_owned())
                .collect(),
            counts: Counts::new(),
            turned: Instant::now(),
            open: Duration::ZERO,
            seen: HashMap::new(),
            patience: 1,
            // Not all at once: the first that looks twice does what there is to do.
            asked: Instant::now() + some_of(EVERY),
            asking: EVERY,
            orphans: BTreeSet::new(),
        }
    }

    /// A partition has gone. When it comes back, nothing was seen of it.
    pub fn released(&mut self, partition: &Key) {
        self.seen.remove(partition);
    }

    /// There is another client, or whatever was seen counts no more.
    pub fn anew(&mut self) {
        self.seen.clear();
        self.ends = None;
    }

    /// What does not arrive. A host calls it once in each of its turns, and says which partitions it follows: from which record
    /// on, or none while some of it are at hand. None as well if the brokers do not answer. It never waits for them.
    pub fn missing<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        followed: impl FnOnce() -> Vec<(Key, Option<i64>)>,
    ) -> Option<Unfetched> {
        self.open += self.turned.elapsed().min(TURN);
        self.look_for_orphans();
        let missing = self.look(consumer, followed);
        self.turned = Instant::now();
        missing.map(Unfetched)
    }

    /// Asks about partitions that are nobody's, and takes the answer.
    fn look_for_orphans(&mut self) {
        let Some(answer) = &mut self.unowned else {
            if self.asked.elapsed() > self.asking {
                let (group, topics) = (self.group.clone(), self.topics.clone());
                let counts = self.counts.clone();
                let question = move |client: &Client| unowned(client, &group, &topics, counts);
                self.unowned = Some(self.queries.ask(question));
            }
            return;
        };
        let Some(answer) = answer.take() else {
            return;
        };
        self.unowned = None;
        self.asked = Instant::now();
        match answer {
            Ok((counts, found)) => {
                self.counts = counts;
                self.answered("owners");
                self.found_orphans(found);
            }
            Err(error) => {
                let group = &self.group;
                tracing::debug!(group, %error, "cannot see who has which partitions");
            }
        }
    }

    /// Partitions that were nobody's twice are made somebody's.
    fn found_orphans(&mut self, found: BTreeSet<Key>) {
        if found.is_empty() {
            self.asking = EVERY;
        }
        if found.is_disjoint(&self.orphans) {
            self.orphans = found;
            return;
        }
        let (group, partitions) = (&self.group, listed(found.intersection(&self.orphans)));
        tracing::warn!(
            group,
            partitions,
            "nobody in the group has these; it is made to share out anew"
        );
        share_out_anew(&self.kafka, &self.group, &self.topics);
        self.asking = (self.asking * 2).min(LONGEST);
        self.orphans.clear();
        // A topic may have been deleted meanwhile, or have more partitions.
        self.counts.clear();
    }

    /// Asks where partitions end, and judges by the answer.
    fn look<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        followed: impl FnOnce() -> Vec<(Key, Option<i64>)>,
    ) -> Option<Key> {
        let Some(answer) = &mut self.ends else {
            if self.open > EVERY {
                self.open = Duration::ZERO;
                let followed = followed().into_iter();
                let partitions: Vec<Key> = followed
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
                tracing::debug!(group, %error, "cannot see what should arrive");
                self.seen.clear();
                None
            }
        }
    }

    fn answered(&self, question: &'static str) {
        metrics::counter!("factline_watchdog_answers_total", "group" => self.group.clone(), "question" => question)
            .increment(1);
    }

    /// Returns a partition whose records should have arrived, judged by ends that were asked for a moment ago and by how far the client has come
    /// since: what came in that moment counts as arrived.
    fn judge(
        &mut self,
        positions: &HashMap<Key, i64>,
        ends: &HashMap<Key, i64>,
        followed: Vec<(Key, Option<i64>)>,
    ) -> Option<Key> {
        let (mut now, mut some_at_hand) = (HashMap::new(), false);
        for (key, next) in followed {
            match (next, ends.get(&key)) {
                (Some(next), Some(end)) => {
                    let position = positions.get(&key).copied().unwrap_or(next).max(next);
                    now.insert(key, (position, *end));
                }
                // It came after the question.
                (Some(_), None) => {}
                (None, _) => some_at_hand = true,
            }
        }
        let (seen, moved) = compare(&self.seen, now);
        let is_first = std::mem::replace(&mut self.seen, seen).is_empty();
        let limit = if moved || some_at_hand {
            BACKLOG * self.patience
        } else {
            self.patience
        };
        match self.seen.iter().max_by_key(|(_, seen)| seen.still) {
            Some((key, seen)) if seen.still >= limit => {
                let key = key.clone();
                self.seen.clear();
                self.patience = (self.patience * 2).min(BACKLOG);
                Some(key)
            }
            Some((_, seen)) if seen.still == 0 && !is_first => {
                self.patience = 1;
                None
            }
            _ => None,
        }
    }
}

/// Returns the partitions that no group member owns, and the partition counts of the topics that exist. Counts that are
/// not known yet are requested first.
fn unowned(
    client: &Client,
    group: &str,
    topics: &[String],
    mut counts: Counts,
) -> KafkaResult<(Counts, BTreeSet<Key>)> {
    for topic in topics {
        if !counts.contains_key(topic)
            && let Some(count) = count_of(client, topic, TIMEOUT)?
        {
            counts.insert(topic.clone(), count);
        }
    }
    let found = orphans(client, group, &counts, TIMEOUT)?;
    Ok((counts, found))
}

/// Some part of it, another one for each who asks.
fn some_of(whole: Duration) -> Duration {
    let chance = RandomState::new().hash_one(()) % 1_000;
    whole * u32::try_from(chance).unwrap_or_default() / 1_000
}

/// What is seen now beside what was seen before; and whether anything has moved since.
fn compare(
    before: &HashMap<Key, Seen>,
    now: HashMap<Key, (i64, i64)>,
) -> (HashMap<Key, Seen>, bool) {
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

    fn key(partition: i32) -> Key {
        ("a.b.events".to_owned(), partition)
    }

    /// What is seen at each of some looks at one partition: how often it was still.
    fn still(looks: &[(i64, i64)]) -> u32 {
        let mut seen = HashMap::new();
        for look in looks {
            seen = compare(&seen, HashMap::from([(key(7), *look)])).0;
        }
        seen[&key(7)].still
    }

    #[test]
    fn what_is_there_and_does_not_come_is_still() {
        assert_eq!(still(&[(3, 5), (3, 5)]), 1);
        assert_eq!(still(&[(3, 5), (3, 9), (3, 9)]), 2);
    }

    #[test]
    fn what_moves_or_is_new_or_has_nothing_to_come_is_not() {
        assert_eq!(still(&[(3, 5), (3, 5), (4, 5)]), 0);
        assert_eq!(still(&[(5, 5), (5, 9)]), 0);
        assert_eq!(still(&[(3, 5)]), 0);
    }

    #[test]
    fn one_that_moves_is_told_of_beside_one_that_does_not() {
        let (seen, _) = compare(
            &HashMap::new(),
            HashMap::from([(key(1), (0, 9)), (key(2), (0, 9))]),
        );
        let (seen, moved) = compare(&seen, HashMap::from([(key(1), (4, 9)), (key(2), (0, 9))]));
        assert!(moved);
        assert_eq!((seen[&key(1)].still, seen[&key(2)].still), (0, 1));
    }
}
