//! The checks of outcomes: each operation ends once.

use std::collections::hash_map::Entry;

use factline::id;
use factline::outcome::State;

use super::super::finding::Kind;
use super::{Doubt, End, Fact, Ledger, Misplaced, Topic, seconds};

/// The states that an outcome can have, the most frequent ones first.
const STATES: [State; 6] = [
    State::Completed,
    State::Rejected,
    State::Running,
    State::Failed,
    State::TimedOut,
    State::Cancelled,
];

impl Ledger {
    /// Reads an outcome. Returns its state, which its id tells.
    pub(in super::super) fn outcome(&mut self, fact: &Fact<'_>) -> Option<State> {
        self.outcomes_since.get_or_insert(fact.time);
        let (Some(operation), Some(record)) = (fact.operation(), fact.id()) else {
            let detail = "the headers have no operation or no id".to_owned();
            self.found(Kind::UnreadableHeaders, Topic::Outcomes, fact, detail);
            return None;
        };
        if fact.key.is_none() || fact.key != fact.subject {
            let detail = "the key is not the subject".to_owned();
            self.found(Kind::WrongKey, Topic::Outcomes, fact, detail);
        }
        if let Err(Misplaced { detail, other }) = self.check_place(fact, operation) {
            let (kind, topic) = (Kind::WrongCommandPosition, Topic::Outcomes);
            let finding = self.finding_about(kind, topic, fact, detail);
            match other {
                // The end of a workflow names the command that has concluded it.
                Some(command) => {
                    self.doubtful.insert(operation, Doubt { command, finding });
                }
                None => self.findings.add(finding),
            }
        }
        let mut states = STATES.into_iter();
        let Some(state) = states.find(|state| id::outcome(operation, state.as_str()) == record)
        else {
            let detail = "the id is not that of the operation with any state".to_owned();
            self.found(Kind::WrongId, Topic::Outcomes, fact, detail);
            return None;
        };
        if state == State::Running {
            let earlier = self.ended.get(&operation).map(|end| end.offset);
            let earlier = earlier.or_else(|| self.running.insert(operation, fact.offset));
            if let Some(earlier) = earlier {
                let place = self.place_of(&self.names.outcomes, earlier);
                let detail = format!("runs again, after the outcome at {place}");
                self.found(Kind::RunsTwice, Topic::Outcomes, fact, detail);
            }
            return Some(state);
        }
        let end = End {
            offset: fact.offset,
            time: seconds(fact.time),
            state,
            ran: self.running.remove(&operation).is_some(),
        };
        let first = match self.ended.entry(operation) {
            Entry::Vacant(free) => {
                free.insert(end);
                return Some(state);
            }
            Entry::Occupied(known) => *known.get(),
        };
        let place = self.place_of(&self.names.outcomes, first.offset);
        let (now, then) = (state.as_str(), first.state.as_str());
        let detail = format!("ends again as {now}, after it ended as {then} at {place}");
        self.found(Kind::EndedTwice, Topic::Outcomes, fact, detail);
        Some(state)
    }

    /// Reports the outcomes that name the command of another operation, and that no event has
    /// explained. Events come before this. A command from the handlers' committed offset on may
    /// have events that were not read.
    pub(in super::super) fn check_doubtful(&mut self, committed: i64) {
        let unexplained = self
            .doubtful
            .extract_if(|_, doubt| doubt.command < committed);
        for (_, doubt) in unexplained {
            self.findings.add(doubt.finding);
        }
    }

    /// Forgets the outcomes before an offset, which the broker has deleted.
    pub(in super::super) fn forget_outcomes_below(&mut self, first: i64) {
        self.ended.retain(|_, end| end.offset >= first);
        self.running.retain(|_, offset| *offset >= first);
        let ends = self.ended.values();
        let oldest = ends.map(|end| i64::from(end.time) * 1000 + 999).min();
        self.outcomes_since = oldest;
    }
}
