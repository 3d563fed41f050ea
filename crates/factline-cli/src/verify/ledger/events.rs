//! The checks of events: numbers without gaps, and an outcome for each operation.

use factline::id;
use factline::outcome::State;
use factline_kafka::topics::partition_of;
use uuid::Uuid;

use super::super::finding::Kind;
use super::{AggregateId, Fact, Ledger, Topic};

impl Ledger {
    /// Reads an event. Events come after the outcomes.
    pub(in super::super) fn event(&mut self, fact: &Fact<'_>) {
        self.sequence(fact);
        let (Some(operation), Some(subject)) = (fact.operation(), fact.subject) else {
            let detail = "the headers have no operation or no subject".to_owned();
            self.found(Kind::UnreadableHeaders, Topic::Events, fact, detail);
            return;
        };
        self.version(fact, subject);
        if fact.key != Some(subject) {
            let detail = "the key is not the subject".to_owned();
            self.found(Kind::WrongKey, Topic::Events, fact, detail);
        }
        let expected = partition_of(fact.key.unwrap_or_default(), self.names.partitions);
        if expected != self.names.partition {
            let detail = format!("the partition of the key is {expected}");
            self.found(Kind::WrongPartition, Topic::Events, fact, detail);
        }
        if let Err(misplaced) = self.check_place(fact, operation) {
            let detail = misplaced.detail;
            self.found(Kind::WrongCommandPosition, Topic::Events, fact, detail);
        }
        self.conclude(fact);
        self.outcome_of_event(fact, operation);
    }

    /// Explains the outcome of a workflow that this event concludes: both name one command.
    fn conclude(&mut self, fact: &Fact<'_>) {
        let Some(operation) = fact.concluded().filter(|_| !self.doubtful.is_empty()) else {
            return;
        };
        let place = fact.place().and_then(Result::ok);
        let command = place.map(|place| place.offset);
        let doubt = self.doubtful.get(&operation);
        if doubt.is_some_and(|doubt| Some(doubt.command) == command) {
            self.doubtful.remove(&operation);
        }
    }

    /// Checks the number within the partition. After a gap it continues with the number found, so
    /// that a gap is reported once.
    fn sequence(&mut self, fact: &Fact<'_>) {
        let expected = self.sequence + 1;
        let found = fact.in_partition();
        let Some(detail) = mismatch("partition sequence", expected, found) else {
            self.sequence = expected;
            return;
        };
        let is_repeated = found.is_some_and(|found| found < expected);
        if !is_repeated {
            self.sequence = found.unwrap_or(expected);
        }
        let kind = if is_repeated {
            Kind::SequenceRepeated
        } else {
            Kind::SequenceGap
        };
        self.found(kind, Topic::Events, fact, detail);
    }

    /// Checks the version of the aggregate, and the id that derives from it.
    fn version(&mut self, fact: &Fact<'_>, subject: &[u8]) {
        let known = self.versions.entry(AggregateId::from(subject)).or_default();
        let (expected, found) = (*known + 1, fact.version());
        // A repeated version does not set the aggregate back.
        *known = found.map_or(expected, |found| found.max(*known));
        if let Some(detail) = mismatch("version", expected, found) {
            let kind = if found.is_some_and(|found| found < expected) {
                Kind::VersionRepeated
            } else {
                Kind::VersionGap
            };
            self.found(kind, Topic::Events, fact, detail);
        }
        let derived = std::str::from_utf8(subject)
            .ok()
            .and_then(|subject| Some(id::event(self.names.aggregate, subject, found?)));
        if derived.is_none() || fact.id() != derived {
            let detail = "the id is not that of the aggregate with this version".to_owned();
            self.found(Kind::WrongId, Topic::Events, fact, detail);
        }
    }

    /// Checks that the operation of an event has an outcome, if the event is younger than the first
    /// outcome that is kept, and that it was not refused.
    fn outcome_of_event(&mut self, fact: &Fact<'_>, operation: Uuid) {
        let must_exist = self.outcomes_since.is_some_and(|since| fact.time > since);
        match self.ended.get(&operation) {
            Some(end) if end.state != State::Completed && !end.ran && must_exist => {
                let place = self.place_of(&self.names.outcomes, end.offset);
                let state = end.state.as_str();
                let detail = format!("the operation ended as {state} at {place}");
                self.found(Kind::EventOfRefused, Topic::Events, fact, detail);
            }
            None if must_exist && !self.running.contains_key(&operation) => {
                let detail = "the operation has no outcome".to_owned();
                self.found(Kind::EventWithoutOutcome, Topic::Events, fact, detail);
            }
            _ => {}
        }
    }
}

fn mismatch(what: &str, expected: u64, found: Option<u64>) -> Option<String> {
    if found == Some(expected) {
        return None;
    }
    let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
    Some(format!("expected {what} {expected}, found {found}"))
}
