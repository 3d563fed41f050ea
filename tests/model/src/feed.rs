//! The feed of the tracker: a reader that goes on from the last number that it has read misses no
//! change.
//!
//! The model covers `crates/factline-tracker/src/feed.sql`. Writers are transactions of any
//! instances. Each takes a number, and commits or fails later. A reader sees what is committed. It
//! may restart: it keeps the last number that it has read.

use std::fmt::{Display, Formatter, Result};

use crate::explore::{Model, Next};

/// Number of writers.
const WRITERS: usize = 3;

/// Writers and a reader of a feed.
#[derive(Debug, Clone, Copy)]
pub struct Feed {
    /// True if a writer takes its number under a lock that it holds until its end.
    pub locks: bool,
}

/// A writer's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Open,
    Numbered(u8),
    Committed(u8),
    Failed,
}

/// The writers, and the progress of the reader.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    writers: [Writer; WRITERS],
    /// The last number that was given out.
    given: u8,
    /// The last number that the reader has seen, and all that it has seen.
    last: u8,
    seen: Vec<u8>,
}

/// A step of the model.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the `Display` impl describes each")]
pub enum Action {
    Number(usize),
    Commit(usize),
    Fail(usize),
    Read,
}

impl Display for Action {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        match self {
            Self::Number(who) => write!(to, "writer {who} takes the next number"),
            Self::Commit(who) => write!(to, "writer {who} commits"),
            Self::Fail(who) => write!(to, "writer {who} fails"),
            Self::Read => write!(to, "the reader reads what follows its last number"),
        }
    }
}

impl State {
    fn committed(&self) -> impl Iterator<Item = u8> {
        self.writers.iter().filter_map(|writer| match writer {
            Writer::Committed(number) => Some(*number),
            Writer::Open | Writer::Numbered(_) | Writer::Failed => None,
        })
    }

    fn is_locked(&self) -> bool {
        let mut writers = self.writers.iter();
        writers.any(|writer| matches!(writer, Writer::Numbered(_)))
    }

    fn read(&mut self) {
        let mut new: Vec<u8> = self
            .committed()
            .filter(|number| *number > self.last)
            .collect();
        new.sort_unstable();
        self.last = new.last().copied().unwrap_or(self.last);
        self.seen.append(&mut new);
    }
}

impl Model for Feed {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            writers: [Writer::Open; WRITERS],
            given: 0,
            last: 0,
            seen: Vec::new(),
        }
    }

    fn next(&self, state: &State, next: &mut Next<'_, State, Action>) {
        for (who, writer) in state.writers.iter().enumerate() {
            match *writer {
                Writer::Open if !(self.locks && state.is_locked()) => {
                    next.step(Action::Number(who), |to| {
                        to.given += 1;
                        to.writers[who] = Writer::Numbered(to.given);
                    });
                }
                Writer::Numbered(number) => {
                    next.step(Action::Commit(who), |to| {
                        to.writers[who] = Writer::Committed(number);
                    });
                    next.fault(Action::Fail(who), |to| to.writers[who] = Writer::Failed);
                }
                Writer::Open | Writer::Committed(_) | Writer::Failed => {}
            }
        }
        if state.committed().any(|number| number > state.last) {
            next.step(Action::Read, State::read);
        }
    }

    fn wrong(&self, state: &State) -> Option<String> {
        let missed = state
            .committed()
            .find(|number| *number <= state.last && !state.seen.contains(number))?;
        let last = state.last;
        Some(format!(
            "the change {missed} is not seen by a reader that has seen {last}"
        ))
    }

    fn is_done(&self, state: &State) -> bool {
        let ended = |writer: &Writer| matches!(writer, Writer::Committed(_) | Writer::Failed);
        state.writers.iter().all(ended) && state.committed().all(|number| number <= state.last)
    }
}
