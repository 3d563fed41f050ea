//! An operation's row: a terminal state absorbs every later record.
//!
//! The model covers `crates/factline-tracker/src/upsert.sql`. Records of two topics arrive in any
//! interleaving, each topic in its order, and any of them more than once. A handler writes one
//! terminal outcome. If it ever wrote two, the first one counts.

use std::fmt::{Display, Formatter, Result};

use crate::explore::{Model, Next};

/// One operation and what is written about it.
#[derive(Debug, Clone, Copy)]
pub struct Tracker {
    /// True if of two terminal outcomes the one at the lower offset wins.
    pub absorbs: bool,
}

/// A record about the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Said {
    state: &'static str,
    rank: u8,
    offset: usize,
}

const fn said(state: &'static str, rank: u8, offset: usize) -> Said {
    Said {
        state,
        rank,
        offset,
    }
}

/// The topics of commands and of outcomes.
const TOPICS: [&[Said]; 2] = [
    &[said("pending", 0, 0)],
    &[
        said("running", 1, 0),
        said("completed", 2, 1),
        said("failed", 2, 2),
    ],
];

/// The row, and the progress of its writers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    row: Option<Said>,
    read: [usize; 2],
    /// The first terminal record of the operation.
    ended: Option<Said>,
}

/// A step of the model.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the `Display` impl describes each")]
pub enum Action {
    Write(&'static str),
    ReadAgain(usize),
}

impl Display for Action {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        match self {
            Self::Write(state) => write!(to, "the record with state {state} is written"),
            Self::ReadAgain(topic) => {
                write!(to, "{} are read again", ["commands", "outcomes"][*topic])
            }
        }
    }
}

impl Tracker {
    fn upsert(self, row: Option<Said>, said: Said) -> Said {
        let Some(known) = row else { return said };
        let before = said.offset < known.offset;
        let after = said.offset > known.offset;
        let is_first = if self.absorbs { before } else { after };
        let wins = said.rank > known.rank || (said.rank == known.rank && is_first);
        if wins { said } else { known }
    }
}

impl Model for Tracker {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            row: None,
            read: [0; 2],
            ended: None,
        }
    }

    fn next(&self, state: &State, next: &mut Next<'_, State, Action>) {
        for (topic, records) in TOPICS.iter().enumerate() {
            if let Some(said) = records.get(state.read[topic]) {
                next.step(Action::Write(said.state), |to| {
                    to.read[topic] += 1;
                    let row = self.upsert(to.row, *said);
                    to.row = Some(row);
                    to.ended = to.ended.or(Some(row).filter(|row| row.rank == 2));
                });
            }
            if state.read[topic] > 0 {
                next.fault(Action::ReadAgain(topic), |to| to.read[topic] = 0);
            }
        }
    }

    fn wrong(&self, state: &State) -> Option<String> {
        let (row, ended) = (state.row?, state.ended?);
        let (now, before) = (row.state, ended.state);
        (row != ended).then(|| format!("the operation was {before} and is now {now}"))
    }

    fn is_done(&self, state: &State) -> bool {
        state.read == TOPICS.map(<[Said]>::len)
    }
}
