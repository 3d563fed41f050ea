//! The senders of a partition's commands, if they number them, see [`Delivery`].
//!
//! For each sender it is the settled numbers, and the commands whose numbers are not settled. So a
//! sender costs about as much memory as it has commands in flight, however many it has sent. The
//! model `tests/model/src/deliveries.rs` says why this is enough.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use chrono::TimeDelta;
use factline::{Delivery, Timestamp};
use uuid::Uuid;

/// The senders of a partition's commands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Senders {
    by_name: HashMap<Arc<str>, Sender>,
    /// The ids of all commands that are not settled. After a restore, a policy sends a command
    /// again under another name, because the topic of its facts is another one.
    unsettled: HashSet<Uuid>,
    /// Time at which expired senders were removed last.
    expired: Timestamp,
}

/// Approximate bytes of a sender, and of a command that is remembered.
const SENDER: u64 = 256;
const UNSETTLED: u64 = 96;

/// Number of times in each window at which expired senders are removed.
const EXPIRIES: i32 = 96;

/// One sender.
#[derive(Debug, Clone, Default)]
struct Sender {
    /// The settled numbers: ranges in order that do not touch. A sender has more than one only if
    /// an operator has moved its position.
    settled: Vec<Range<u64>>,
    /// The decided commands that are not settled, with their times.
    unsettled: BTreeMap<(u64, Uuid), Timestamp>,
    /// Time of its last command.
    last: Timestamp,
}

impl Senders {
    /// Returns whether a command was decided before. Its sender may have numbered it.
    pub(crate) fn is_repeat(&self, delivery: Option<&Delivery>, operation: Uuid) -> bool {
        let is_settled = |delivery: &Delivery| {
            let sender = self.by_name.get(&delivery.sender);
            sender.is_some_and(|sender| sender.is_settled(delivery.number))
        };
        self.unsettled.contains(&operation) || delivery.is_some_and(is_settled)
    }

    /// Adds a decided command, and what its sender has said with it.
    pub(crate) fn add(&mut self, delivery: &Delivery, operation: Uuid, time: Timestamp) {
        let sender = match self.by_name.get_mut(&delivery.sender) {
            Some(sender) => sender,
            None => self
                .by_name
                .entry(Arc::clone(&delivery.sender))
                .or_default(),
        };
        for id in sender.settle(delivery.settled.clone()) {
            self.unsettled.remove(&id);
        }
        if !sender.is_settled(delivery.number) {
            sender.unsettled.insert((delivery.number, operation), time);
            self.unsettled.insert(operation);
        }
        sender.last = sender.last.max(time);
    }

    /// Adds everything that others know.
    pub(crate) fn merge(&mut self, others: Self) {
        for (name, other) in others.by_name {
            let sender = self.by_name.entry(name).or_default();
            for range in other.settled {
                for id in sender.settle(range) {
                    self.unsettled.remove(&id);
                }
            }
            for (key, time) in other.unsettled {
                if !sender.is_settled(key.0) {
                    sender.unsettled.insert(key, time);
                    self.unsettled.insert(key.1);
                }
            }
            sender.last = sender.last.max(other.last);
        }
    }

    /// Removes what is older than the window: a repeat of it is too old to be decided.
    pub(crate) fn expire(&mut self, now: Timestamp, window: TimeDelta) {
        if now - self.expired < window / EXPIRIES {
            return;
        }
        self.expired = now;
        let unsettled = &mut self.unsettled;
        self.by_name.retain(|_, sender| {
            let is_over = now - sender.last > window;
            // Numbers grow with time, except after an operator has moved the sender's position.
            while let Some(first) = sender.unsettled.first_entry()
                && (is_over || now - *first.get() > window)
            {
                unsettled.remove(&first.key().1);
                first.remove();
            }
            !is_over
        });
    }

    /// Returns the approximate size in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.by_name.len() as u64 * SENDER + self.unsettled.len() as u64 * UNSETTLED
    }

    /// Returns the number of commands that are remembered one by one.
    pub(crate) fn len(&self) -> usize {
        self.by_name
            .values()
            .map(|sender| sender.unsettled.len())
            .sum()
    }
}

impl Sender {
    fn is_settled(&self, number: u64) -> bool {
        let after = self.settled.partition_point(|range| range.start <= number);
        after > 0 && self.settled[after - 1].end > number
    }

    /// Adds a range of settled numbers, and forgets the commands in it. Returns their ids.
    fn settle(&mut self, range: Range<u64>) -> Vec<Uuid> {
        if range.is_empty() || self.covers(&range) {
            return Vec::new();
        }
        let begin = self
            .settled
            .partition_point(|known| known.end < range.start);
        let end = self
            .settled
            .partition_point(|known| known.start <= range.end);
        let joined = self.settled[begin..end].iter().fold(range, |all, known| {
            all.start.min(known.start)..all.end.max(known.end)
        });
        let bounds = (joined.start, Uuid::nil())..(joined.end, Uuid::nil());
        let gone: Vec<_> = self.unsettled.range(bounds).map(|(key, _)| *key).collect();
        for key in &gone {
            self.unsettled.remove(key);
        }
        self.settled.splice(begin..end, [joined]);
        gone.into_iter().map(|(_, id)| id).collect()
    }

    fn covers(&self, range: &Range<u64>) -> bool {
        let after = self
            .settled
            .partition_point(|known| known.start <= range.start);
        after > 0 && self.settled[after - 1].end >= range.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn delivery(sender: &str, number: u64, settled: Range<u64>) -> Delivery {
        Delivery {
            sender: sender.into(),
            number,
            settled,
        }
    }

    fn id(number: u64) -> Uuid {
        Uuid::from_u128(number.into())
    }

    #[test]
    fn only_unsettled_commands_are_remembered() {
        let mut senders = Senders::default();
        for number in 0..1000_u64 {
            let delivery = delivery("a", number, 0..number.saturating_sub(5));
            assert!(!senders.is_repeat(Some(&delivery), id(number)));
            senders.add(&delivery, id(number), at(0));
        }
        assert_eq!(
            (senders.len(), senders.bytes()),
            (6, SENDER + 6 * UNSETTLED)
        );
        for number in 0..1000 {
            assert!(senders.is_repeat(Some(&delivery("a", number, 0..0)), id(number)));
        }
        assert!(!senders.is_repeat(Some(&delivery("a", 1000, 0..0)), id(1000)));
        assert!(!senders.is_repeat(Some(&delivery("b", 1, 0..0)), id(1)));
    }

    /// Two commands of one fact have one number.
    #[test]
    fn commands_of_one_number_are_told_apart_until_it_is_settled() {
        let mut senders = Senders::default();
        senders.add(&delivery("a", 7, 0..7), id(1), at(0));
        assert!(senders.is_repeat(Some(&delivery("a", 7, 0..7)), id(1)));
        assert!(!senders.is_repeat(Some(&delivery("a", 7, 0..7)), id(2)));
    }

    /// A restore gives the facts other offsets, and so the sender another name.
    #[test]
    fn unsettled_command_is_known_under_another_name() {
        let mut senders = Senders::default();
        senders.add(&delivery("a", 7, 0..7), id(1), at(0));
        assert!(senders.is_repeat(Some(&delivery("b", 3, 0..3)), id(1)));
        assert!(senders.is_repeat(None, id(1)));
        senders.add(&delivery("a", 8, 0..8), id(2), at(0));
        assert!(!senders.is_repeat(None, id(1)));
    }

    #[test]
    fn skipped_numbers_are_not_settled() {
        let mut senders = Senders::default();
        senders.add(&delivery("a", 5, 0..5), id(5), at(0));
        senders.add(&delivery("a", 9, 8..9), id(9), at(0));
        for (number, expected) in [(4, true), (6, false), (7, false), (8, true), (10, false)] {
            let repeated = senders.is_repeat(Some(&delivery("a", number, 0..0)), id(number));
            assert_eq!(repeated, expected, "{number}");
        }
    }

    #[test]
    fn sender_expires_with_its_last_command() {
        let (mut senders, window) = (Senders::default(), TimeDelta::seconds(10));
        senders.add(&delivery("a", 1, 0..0), id(1), at(0));
        senders.add(&delivery("b", 1, 0..1), id(2), at(5));
        senders.add(&delivery("a", 2, 0..0), id(3), at(8));
        senders.expire(at(12), window);
        assert!(!senders.is_repeat(Some(&delivery("a", 1, 0..0)), id(1)));
        assert!(senders.is_repeat(Some(&delivery("a", 2, 0..0)), id(3)));
        assert!(senders.is_repeat(Some(&delivery("b", 0, 0..0)), id(9)));
        senders.expire(at(16), window);
        assert!(!senders.is_repeat(Some(&delivery("b", 0, 0..0)), id(9)));
    }

    proptest! {
        /// In any order, and whether they are added at once or through an overlay, ranges are the
        /// set of their numbers.
        #[test]
        fn ranges_are_the_set_of_their_numbers(
            added in prop::collection::vec((0_u64..30, 0_u64..8, 0_u64..30), 1..20),
            cut in 0_usize..20,
        ) {
            let (mut one, mut overlay) = (Senders::default(), Senders::default());
            let (mut settled, mut decided) = ([false; 64], [false; 64]);
            for (index, (start, length, number)) in added.iter().copied().enumerate() {
                let delivery = delivery("a", number, start..start + length);
                let into = if index < cut { &mut one } else { &mut overlay };
                into.add(&delivery, id(number), at(0));
                settled[usize::try_from(start).unwrap()..][..usize::try_from(length).unwrap()].fill(true);
                decided[usize::try_from(number).unwrap()] = true;
            }
            one.merge(overlay);
            let mut unsettled = 0;
            for number in 0..64_u64 {
                let place = usize::try_from(number).unwrap();
                let expected = settled[place] || decided[place];
                prop_assert_eq!(one.is_repeat(Some(&delivery("a", number, 0..0)), id(number)), expected);
                unsettled += usize::from(decided[place] && !settled[place]);
            }
            prop_assert_eq!(one.len(), unsettled);
            let ranges = &one.by_name["a"].settled;
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
