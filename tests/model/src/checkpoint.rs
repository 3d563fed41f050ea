//! A view's rows and its checkpoint: they move together, and only if the checkpoint is where the
//! writer expects it.
//!
//! The model covers `crates/factline-postgres/src/follow.rs`. Two followers read one partition, and
//! both may assume that it is assigned to them, because group membership is not a fence. Each batch
//! is one transaction of the database. Every event changes the one row.

use std::fmt::{Display, Formatter, Result};

use crate::explore::{Model, Next};

/// Number of events.
const EVENTS: u8 = 3;

/// Two followers and a row.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint {
    /// True if a follower is refused when another one has moved its checkpoint.
    pub compares: bool,
}

/// The contents of the database, and the followers' views of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The events that the row is the fold of.
    row: Vec<u8>,
    checkpoint: u8,
    /// The next offset of each follower, if it has started.
    followers: [Option<u8>; 2],
}

/// A step of the model.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the `Display` impl describes each")]
pub enum Action {
    Begin(usize, u8),
    Write(usize, u8, u8),
    LoseAnswer(usize, u8, u8),
    TurnBack(usize),
    Crash(usize),
}

impl Display for Action {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let name = |who: &usize| ["A", "B"][*who];
        match self {
            Self::Begin(who, at) => write!(to, "{} begins at the checkpoint: {at}", name(who)),
            Self::Write(who, from, end) => {
                write!(
                    to,
                    "{} writes the events {from}..{end} and the checkpoint {end}",
                    name(who)
                )
            }
            Self::LoseAnswer(who, from, end) => {
                write!(
                    to,
                    "{} writes the events {from}..{end}, and receives no response",
                    name(who)
                )
            }
            Self::TurnBack(who) => write!(
                to,
                "{} finds the checkpoint moved and writes nothing",
                name(who)
            ),
            Self::Crash(who) => write!(to, "{} is killed", name(who)),
        }
    }
}

impl Model for Checkpoint {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            row: Vec::new(),
            checkpoint: 0,
            followers: [None; 2],
        }
    }

    fn next(&self, state: &State, next: &mut Next<'_, State, Action>) {
        for (who, follower) in state.followers.iter().enumerate() {
            let Some(from) = *follower else {
                next.step(Action::Begin(who, state.checkpoint), |to| {
                    to.followers[who] = Some(to.checkpoint);
                });
                continue;
            };
            next.fault(Action::Crash(who), |to| to.followers[who] = None);
            if self.compares && from != state.checkpoint {
                next.step(Action::TurnBack(who), |to| {
                    to.followers[who] = Some(to.checkpoint);
                });
                continue;
            }
            for end in from + 1..=EVENTS {
                let write = |to: &mut State| {
                    to.row.extend(from..end);
                    to.checkpoint = end;
                };
                next.step(Action::Write(who, from, end), |to| {
                    write(to);
                    to.followers[who] = Some(end);
                });
                next.fault(Action::LoseAnswer(who, from, end), write);
            }
        }
    }

    fn wrong(&self, state: &State) -> Option<String> {
        let is_fold = state.row.iter().copied().eq(0..state.checkpoint);
        let (row, checkpoint) = (&state.row, state.checkpoint);
        (!is_fold).then(|| format!("the row is the fold of {row:?}, the checkpoint {checkpoint}"))
    }

    fn is_done(&self, state: &State) -> bool {
        state.checkpoint == EVENTS
    }

    fn representative(&self, mut state: State) -> State {
        state.followers.sort_unstable();
        state
    }
}
