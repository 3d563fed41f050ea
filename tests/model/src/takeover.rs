//! The takeover of a partition, and the transactions of the worker that owns it or assumes so.
//!
//! The model covers `crates/factline-handler/src` (the worker, rebalances, takeover and recovery)
//! and the parts of Kafka that it relies on. These are a log with open, committed and aborted
//! records, markers that arrive late and in any order, the group's generations, pending offsets,
//! transaction timeouts, and epochs. There are one partition, `W` workers and a few commands. The
//! number of faults is unlimited: every fault can occur again, at any moment.
//!
//! A stalled process is one that takes no step while others do. A process that loses the response
//! to its commit is one that is killed after the commit. Neither needs its own action.

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

/// The work to do, and the rules that are left out.
#[derive(Debug, Clone)]
pub struct Takeover<const W: usize> {
    /// The partition's commands, in order.
    pub commands: Vec<Id>,
    /// True if the first command sets a deadline.
    pub deadline: bool,
    /// Maximum number of commands in a transaction.
    pub batch: usize,
    /// True if a worker may decide the next batch while one is being committed.
    pub ahead: bool,
    /// The rules that are left out.
    pub without: Vec<Rule>,
    /// True if the workers' in-memory state is checked too. Otherwise only observable results are
    /// checked: outcomes, versions, commands without an end.
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

    /// Workers are identical, so their names make no difference.
    fn representative(&self, state: State<W>) -> State<W> {
        let slots = |order: [usize; W]| order.map(|place| &state.slots[place]);
        let orders: Vec<[usize; W]> = orders().collect();
        let Some(least) = orders.iter().map(|order| slots(*order)).min() else {
            return state;
        };
        // There is more than one only if workers are in the same state.
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

/// Returns all orders of W workers.
fn orders<const W: usize>() -> impl Iterator<Item = [usize; W]> {
    let count = W.pow(u32::try_from(W).unwrap_or(u32::MAX));
    (0..count).filter_map(|number| {
        let order: [usize; W] =
            std::array::from_fn(|place| number / W.pow(u32::try_from(place).unwrap_or(0)) % W);
        (0..W).all(|place| order.contains(&place)).then_some(order)
    })
}
