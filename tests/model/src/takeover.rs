//! The take-over of a partition, and the transactions of whoever has it or thinks so.
//!
//! What is modelled is `crates/factline-kafka/src/handler` (`worker.rs`, `ownership.rs`, `takeover.rs`, `restore.rs`) and as much
//! of Kafka as it leans on: a log with open, committed and aborted records, markers that come late and in any order, the group's
//! generations, offsets that are pending, transactions that time out, epochs. One partition, `W` workers, a few commands.
//! Faults are without number: whatever can happen once can happen again, at any moment.
//!
//! A process that stands still is one that takes no step while others do; one whose commit's answer is lost is killed
//! after the commit. Neither needs an action of its own.

pub mod action;
mod group;
mod properties;
mod restore;
pub mod rule;
pub mod state;
mod transaction;

use crate::explore::{Model, Next};
use action::Action;
use rule::Rule;
use state::{Id, State};

type Steps<'s, const W: usize> = Next<'s, State<W>, Action>;

/// What there is to do, and which rules are left out.
#[derive(Debug, Clone)]
pub struct Takeover<const W: usize> {
    /// The partition's commands, in order.
    pub commands: Vec<Id>,
    /// Whether the first command sets a deadline.
    pub deadline: bool,
    /// Commands of a transaction at most.
    pub batch: usize,
    /// The rules that nobody keeps.
    pub without: Vec<Rule>,
    /// Whether a worker's belief is judged, too, or only what others can see: outcomes, versions, commands without an end.
    pub inside: bool,
}

impl<const W: usize> Takeover<W> {
    fn keeps(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }
}

impl<const W: usize> Model for Takeover<W> {
    type State = State<W>;
    type Action = Action;

    fn initial(&self) -> State<W> {
        State::at_first()
    }

    fn next(&self, state: &State<W>, next: &mut Steps<'_, W>) {
        group::steps(self, state, next);
        for who in 0..W {
            restore::steps(self, state, who, next);
            transaction::steps(self, state, who, next);
        }
    }

    fn wrong(&self, state: &State<W>) -> Option<String> {
        properties::wrong(self, state)
    }

    fn is_done(&self, state: &State<W>) -> bool {
        properties::is_done(self, state)
    }

    /// Workers are alike: which one is called A makes no difference.
    fn representative(&self, state: State<W>) -> State<W> {
        let slots = |order: [usize; W]| order.map(|place| &state.slots[place]);
        let orders: Vec<[usize; W]> = orders().collect();
        let Some(least) = orders.iter().map(|order| slots(*order)).min() else {
            return state;
        };
        // Several only if workers are in the same state.
        let least: Vec<_> = orders
            .iter()
            .filter(|order| slots(**order) == least)
            .collect();
        if let [order] = least[..]
            && order.is_sorted()
        {
            return state;
        }
        let least = least.into_iter().map(|order| state.reordered(*order)).min();
        least.unwrap_or(state)
    }
}

/// All orders of W workers.
fn orders<const W: usize>() -> impl Iterator<Item = [usize; W]> {
    let count = W.pow(u32::try_from(W).unwrap_or(u32::MAX));
    (0..count).filter_map(|number| {
        let order: [usize; W] =
            std::array::from_fn(|place| number / W.pow(u32::try_from(place).unwrap_or(0)) % W);
        (0..W).all(|place| order.contains(&place)).then_some(order)
    })
}
