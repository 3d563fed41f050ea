//! Whether commands that are there arrive.
//!
//! librdkafka can leave a partition unfetched and say nothing: it pauses what it fetches for the time of a rebalance, and a call
//! that crosses one can be taken for its answer too early. Readiness would say that all is well, for ever. So now and then
//! the brokers are asked about partitions in which nothing moves, and about those that the group has given to nobody.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use factline::Aggregate;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::outgoing::Wire;
use super::ownership::Ownership;
use crate::ends::ends;
use crate::orphans::orphans;

/// How often it is looked, and for how long something that is there may take to arrive.
const EVERY: Duration = Duration::from_secs(15);

/// How long the brokers may take to say where partitions end, for each of two questions.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What was seen when it was looked last.
#[derive(Debug)]
pub(super) struct Arrivals {
    looked: Instant,
    seen: HashMap<i32, Seen>,
    orphans: BTreeSet<i32>,
}

/// Why commands do not arrive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Those of a partition that is fetched.
    Unfetched(i32),
    /// Those of partitions that the group has given to nobody.
    Orphans(BTreeSet<i32>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// How far the client had come.
    position: i64,
    /// Where the partition ended.
    end: i64,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self {
            looked: Instant::now(),
            seen: HashMap::new(),
            orphans: BTreeSet::new(),
        }
    }

    /// What does not arrive. None as well if the brokers do not answer.
    pub(super) fn missing<A: Aggregate>(
        &mut self,
        consumer: &BaseConsumer<Ownership<A>>,
        wire: &Wire,
    ) -> Option<Missing> {
        if self.looked.elapsed() < EVERY {
            return None;
        }
        self.looked = Instant::now();
        let topic = wire.topics.commands();
        let before = std::mem::take(&mut self.orphans);
        let all = (topic, wire.contract.partitions);
        self.orphans = orphans(consumer, wire.topics.handler_group(), all, TIMEOUT).ok()?;
        let still: BTreeSet<i32> = self.orphans.intersection(&before).copied().collect();
        if !still.is_empty() {
            return Some(Missing::Orphans(still));
        }
        let before = std::mem::take(&mut self.seen);
        let at_rest = consumer.context().owned().at_rest();
        let known = consumer.position().ok()?;
        let partitions: Vec<i32> = at_rest.keys().copied().collect();
        let ends = ends(consumer, topic, &partitions, TIMEOUT).ok()?;
        self.seen = at_rest
            .into_iter()
            .filter_map(|(partition, next)| {
                let place = known.find_partition(topic, partition);
                let position = match place.map(|place| place.offset()) {
                    Some(Offset::Offset(position)) => position.max(next),
                    _ => next,
                };
                let (_, end) = *ends.get(&partition)?;
                Some((partition, Seen { position, end }))
            })
            .collect();
        stuck(&before, &self.seen).map(Missing::Unfetched)
    }
}

/// A partition that had more to come, and in which nothing has come since.
fn stuck(before: &HashMap<i32, Seen>, now: &HashMap<i32, Seen>) -> Option<i32> {
    let mut both = before
        .iter()
        .filter_map(|(partition, seen)| Some((*partition, seen, now.get(partition)?)));
    let stuck = both
        .find(|(_, before, now)| before.position < before.end && now.position == before.position);
    stuck.map(|(partition, ..)| partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(position: i64, end: i64) -> HashMap<i32, Seen> {
        HashMap::from([(7, Seen { position, end })])
    }

    #[test]
    fn what_is_there_and_does_not_come_is_stuck() {
        assert_eq!(stuck(&seen(3, 5), &seen(3, 5)), Some(7));
        assert_eq!(stuck(&seen(3, 5), &seen(3, 9)), Some(7));
    }

    #[test]
    fn what_moves_or_is_new_or_has_nothing_to_come_is_not() {
        assert_eq!(stuck(&seen(3, 5), &seen(4, 5)), None);
        assert_eq!(stuck(&seen(5, 5), &seen(5, 9)), None);
        assert_eq!(stuck(&HashMap::new(), &seen(3, 5)), None);
        assert_eq!(stuck(&seen(3, 5), &HashMap::new()), None);
    }
}
