//! A command and its cancel in one partition: one of the two wins, and both say so.
//!
//! The model covers `crates/factline-handler/src/decide/batch/cancels.rs` and `decide/cancel.rs`.
//! The log has a numbered command, another one of the same sender, and a cancel whose number
//! settles both. The second command and the cancel are appended at any time after the first, in any
//! order, and any record may be appended again. A worker has polled some of the records and decides
//! some of them in one transaction. A restart is not a step: a worker reads what is decided from
//! the outcomes.

use std::fmt::{Display, Formatter, Result};

use crate::explore::{Model, Next};

/// Number of repeated records.
const REPEATS: u8 = 2;

/// A rule of the handler, besides the one that the mutant `blind-cancel` breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A cancel completes only if its command was cancelled.
    LookAtCommand,
    /// A cancelled command and its cancel are decided in one transaction.
    DecideTogether,
    /// A cancel that is decided with its command settles nothing.
    SettleLater,
}

impl Rule {
    /// The rules that only the model leaves out.
    pub const ALL: [Self; 2] = [Self::DecideTogether, Self::SettleLater];

    /// Returns the name of a system without this rule.
    pub const fn left_out(self) -> &'static str {
        match self {
            Self::LookAtCommand => "blind-cancel",
            Self::DecideTogether => "cancel-later",
            Self::SettleLater => "settle-ahead",
        }
    }
}

/// A partition and its handler, and the rule that is left out.
#[derive(Debug, Clone, Copy)]
pub struct Cancels {
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// A record of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The command that is cancelled.
    Command,
    /// Another command.
    Other,
    /// The cancel.
    Cancel,
}

/// The end of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// A command was decided by the rules.
    Decided,
    /// A command was cancelled.
    Cancelled,
    /// A cancel has cancelled its command.
    Taken,
    /// A cancel came too late.
    TooLate,
}

/// The log, and what the handler has committed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    log: Vec<Entry>,
    repeats: u8,
    /// The next record to be handled.
    next: usize,
    /// The outcomes, in their order.
    outcomes: Vec<(Entry, End)>,
    /// True if the numbers of all three are settled.
    is_settled: bool,
}

/// A step of the model.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the `Display` impl describes each")]
pub enum Action {
    Append(Entry),
    Repeat(Entry),
    Commit(usize, usize),
}

impl Display for Action {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        match self {
            Self::Append(entry) => write!(to, "{entry:?} is appended"),
            Self::Repeat(entry) => write!(to, "{entry:?} is appended again"),
            Self::Commit(count, polled) => {
                write!(to, "the handler commits {count} of {polled} polled records")
            }
        }
    }
}

impl State {
    fn is_decided(&self, entry: Entry) -> bool {
        self.is_settled || self.outcomes.iter().any(|(known, _)| *known == entry)
    }

    /// Returns the only end of an operation.
    fn end(&self, entry: Entry) -> Option<End> {
        let mut ends = self.outcomes.iter().filter(|(known, _)| *known == entry);
        ends.next().map(|(_, end)| *end)
    }
}

impl Cancels {
    fn keeps(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// Handles the next record. `polled` is the number of records that the worker has.
    fn handle(self, to: &mut State, polled: usize) {
        let entry = to.log[to.next];
        to.next += 1;
        if to.is_decided(entry) {
            return;
        }
        match entry {
            Entry::Other => to.outcomes.push((entry, End::Decided)),
            Entry::Command => {
                let ahead = &to.log[to.next..polled.max(to.next)];
                if !ahead.contains(&Entry::Cancel) || to.is_decided(Entry::Cancel) {
                    to.outcomes.push((entry, End::Decided));
                    return;
                }
                to.outcomes.push((entry, End::Cancelled));
                if self.keeps(Rule::DecideTogether) {
                    to.outcomes.push((Entry::Cancel, End::Taken));
                    to.is_settled = !self.keeps(Rule::SettleLater);
                }
            }
            Entry::Cancel => {
                let is_taken = !self.keeps(Rule::LookAtCommand);
                let end = if is_taken { End::Taken } else { End::TooLate };
                to.outcomes.push((entry, end));
                to.is_settled = true;
            }
        }
    }
}

impl Model for Cancels {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            log: vec![Entry::Command],
            repeats: 0,
            next: 0,
            outcomes: Vec::new(),
            is_settled: false,
        }
    }

    fn next(&self, state: &State, next: &mut Next<'_, State, Action>) {
        for entry in [Entry::Other, Entry::Cancel] {
            // The cancel's sender has sent the other command before it.
            let is_sent = entry == Entry::Other || state.log.contains(&Entry::Other);
            if is_sent && !state.log.contains(&entry) {
                next.step(Action::Append(entry), |to| to.log.push(entry));
            }
        }
        if state.repeats < REPEATS {
            for entry in [Entry::Command, Entry::Other, Entry::Cancel] {
                if state.log.contains(&entry) {
                    next.fault(Action::Repeat(entry), |to| {
                        to.log.push(entry);
                        to.repeats += 1;
                    });
                }
            }
        }
        let pending = state.log.len() - state.next;
        for polled in 1..=pending {
            for count in 1..=polled {
                let end = state.next + polled;
                next.step(Action::Commit(count, polled), |to| {
                    (0..count).for_each(|_| self.handle(to, end));
                });
            }
        }
    }

    fn wrong(&self, state: &State) -> Option<String> {
        for (index, (entry, end)) in state.outcomes.iter().enumerate() {
            if state.outcomes[..index]
                .iter()
                .any(|(known, _)| known == entry)
            {
                return Some(format!("{entry:?} ends again as {end:?}"));
            }
        }
        let lost = state.log[..state.next].iter();
        let mut lost = lost.filter(|entry| state.end(**entry).is_none());
        if let Some(lost) = lost.next() {
            return Some(format!("{lost:?} is handled and has no end"));
        }
        let (command, cancel) = (state.end(Entry::Command)?, state.end(Entry::Cancel)?);
        let is_cancelled = command == End::Cancelled;
        let agrees = is_cancelled == (cancel == End::Taken);
        (!agrees).then(|| format!("the command is {command:?}, the cancel {cancel:?}"))
    }

    fn is_done(&self, state: &State) -> bool {
        state.next == state.log.len() && state.log.contains(&Entry::Cancel)
    }
}
