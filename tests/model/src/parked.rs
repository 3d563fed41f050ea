//! The parked key of a view: a follower applies the events of the key, or stores them behind one
//! that it could not apply, and never both.
//!
//! The model covers `crates/factline-postgres/src/follow`. Two followers read one partition, and
//! both may assume that it is assigned to them. Each batch is one transaction of the database, and
//! so is a redrive. A follower loads the checkpoint and then, in another statement, the parked key.
//! The first event fails until the view is repaired.

use std::fmt::{Display, Formatter, Result};

use crate::explore::{Model, Next};

/// Number of events of the key.
const EVENTS: u8 = 3;

/// A rule of the follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A follower that does not know of a redrive writes nothing.
    CompareRedrives,
    /// The parked keys are loaded after the checkpoint.
    LoadParkedLast,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 2] = [Self::CompareRedrives, Self::LoadParkedLast];

    /// Returns the name of a system without this rule.
    pub const fn left_out(self) -> &'static str {
        match self {
            Self::CompareRedrives => "blind-redrives",
            Self::LoadParkedLast => "load-parked-first",
        }
    }
}

/// Two followers and a key, and the rule that is left out.
#[derive(Debug, Clone, Copy)]
pub struct Parking {
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// The contents of the database, and the followers' views of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The events that the row is the fold of.
    row: Vec<u8>,
    parked: Vec<u8>,
    checkpoint: u8,
    redrives: u8,
    is_repaired: bool,
    followers: [Known; 2],
}

/// A follower's knowledge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Known {
    /// The checkpoint: the next event, and the number of redrives.
    checkpoint: Option<(u8, u8)>,
    is_parked: Option<bool>,
}

/// A step of the model.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the `Display` impl describes each")]
pub enum Action {
    LoadCheckpoint(usize),
    LoadParked(usize),
    Write(usize, u8),
    Redrive(usize),
    TurnBack(usize),
    Repair,
    Crash(usize),
}

impl Display for Action {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let name = |who: &usize| ["A", "B"][*who];
        match self {
            Self::LoadCheckpoint(who) => write!(to, "{} loads the checkpoint", name(who)),
            Self::LoadParked(who) => write!(to, "{} loads the parked key", name(who)),
            Self::Write(who, end) => write!(to, "{} writes the events up to {end}", name(who)),
            Self::Redrive(who) => write!(to, "{} redrives the key", name(who)),
            Self::TurnBack(who) => write!(to, "{} is fenced and writes nothing", name(who)),
            Self::Repair => write!(to, "the view is repaired"),
            Self::Crash(who) => write!(to, "{} is killed, or receives no response", name(who)),
        }
    }
}

impl Parking {
    fn keeps(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// Adds the steps of a follower that does not know everything yet.
    fn load(self, who: usize, known: Known, next: &mut Next<'_, State, Action>) {
        let parked_last = self.keeps(Rule::LoadParkedLast);
        if known.checkpoint.is_none() && (parked_last || known.is_parked.is_some()) {
            next.step(Action::LoadCheckpoint(who), |to| {
                to.followers[who].checkpoint = Some((to.checkpoint, to.redrives));
            });
        }
        if known.is_parked.is_none() && (!parked_last || known.checkpoint.is_some()) {
            next.step(Action::LoadParked(who), |to| {
                to.followers[who].is_parked = Some(!to.parked.is_empty());
            });
        }
    }
}

/// Writes the events up to an end, and adopts what was written.
fn write(to: &mut State, who: usize, from: u8, end: u8) {
    let known = &mut to.followers[who];
    for event in from..end {
        let fails = event == 0 && !to.is_repaired;
        if fails {
            known.is_parked = Some(true);
        }
        if known.is_parked == Some(true) {
            to.parked.push(event);
        } else {
            to.row.push(event);
        }
    }
    to.checkpoint = end;
    known.checkpoint = known.checkpoint.map(|(_, redrives)| (end, redrives));
}

/// Applies the parked events, and adopts that.
fn redrive(to: &mut State, who: usize) {
    to.row.append(&mut to.parked);
    to.redrives += 1;
    let known = &mut to.followers[who];
    known.is_parked = Some(false);
    known.checkpoint = known.checkpoint.map(|(at, redrives)| (at, redrives + 1));
}

impl Model for Parking {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            row: Vec::new(),
            parked: Vec::new(),
            checkpoint: 0,
            redrives: 0,
            is_repaired: false,
            followers: [Known::default(); 2],
        }
    }

    fn next(&self, state: &State, next: &mut Next<'_, State, Action>) {
        if !state.is_repaired {
            next.step(Action::Repair, |to| to.is_repaired = true);
        }
        for (who, known) in state.followers.iter().copied().enumerate() {
            if known != Known::default() {
                next.fault(Action::Crash(who), |to| {
                    to.followers[who] = Known::default();
                });
            }
            let (Some((from, redrives)), Some(is_parked)) = (known.checkpoint, known.is_parked)
            else {
                self.load(who, known, next);
                continue;
            };
            let knows_redrives = redrives == state.redrives || !self.keeps(Rule::CompareRedrives);
            if from != state.checkpoint || !knows_redrives {
                next.step(Action::TurnBack(who), |to| {
                    to.followers[who] = Known::default();
                });
                continue;
            }
            for end in from + 1..=EVENTS {
                next.step(Action::Write(who, end), |to| write(to, who, from, end));
            }
            if is_parked && state.is_repaired && !state.parked.is_empty() {
                next.step(Action::Redrive(who), |to| redrive(to, who));
            }
        }
    }

    fn wrong(&self, state: &State) -> Option<String> {
        let State {
            row,
            parked,
            checkpoint,
            ..
        } = state;
        let all = row.iter().chain(parked).copied();
        if !all.eq(0..*checkpoint) {
            return Some(format!(
                "the row is the fold of {row:?}, parked are {parked:?}, the checkpoint {checkpoint}"
            ));
        }
        let has_failed = parked.first().is_none_or(|first| *first == 0);
        (!has_failed).then(|| format!("{parked:?} are parked, and none of them has failed"))
    }

    fn is_done(&self, state: &State) -> bool {
        state.checkpoint == EVENTS && state.parked.is_empty()
    }

    fn representative(&self, mut state: State) -> State {
        state.followers.sort_unstable();
        state
    }
}
