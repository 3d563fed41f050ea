//! Compares the decisions of a partition in their order: that of the outcomes. A cancel that was
//! decided with its command has no decision of the rules, and is not compared.

use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, EventOf, Timestamp};
use factline_kafka::records::record::Record;

use super::about::About;
use super::candidate::{self, Candidate};
use super::commands::{Commands, Next};
use super::log::{Command, Error, Log, Schemas, is_of, offset_of};
use super::recorded::{Outcomes, Recorded, result_of_events};
use super::result::DecisionResult;
use super::states::{Decision, Event, States};
use super::verdict::{Reason, Skipped, Verdict};
use crate::state::aggregate::AggregateState;

/// Compares the decisions of a partition, and passes on the verdict about each.
pub(crate) fn compare<A: Aggregate>(
    log: Log<'_>,
    then: &mut dyn FnMut(Verdict),
) -> Result<(), Error> {
    let Log {
        partition,
        commands,
        outcomes,
        events,
        committed,
        may_lack_outcomes,
        key,
        has,
        is_in_time,
        schemas,
    } = log;
    let mut outcomes = Outcomes::new(outcomes, key, schemas);
    let mut replay = Replay::<A> {
        candidate: Candidate::new::<A>(schemas.own, partition),
        commands: Commands::of(commands),
        states: States::new(events, has, schemas),
        is_asked: &|record| is_of(record, key) && is_in_time(record),
        schemas,
        committed,
        may_lack_outcomes,
        has_begun: false,
        first: None,
        then,
    };
    while let Some(next) = outcomes.next()? {
        match next {
            Err(unreadable) => {
                let detail = Some(unreadable.reason);
                replay.skip(Reason::UnreadableOutcome, unreadable.place, detail);
            }
            Ok(recorded) => {
                replay.first.get_or_insert(recorded.time());
                if recorded.outcome.kind == OutcomeKind::Deadline {
                    replay.deadline(&recorded)?;
                } else {
                    replay.outcome(&recorded)?;
                }
            }
        }
    }
    while let Some(command) = replay.commands.rest()? {
        replay.without_outcome(&command)?;
    }
    Ok(())
}

/// The state of a comparison.
struct Replay<'l, 't, A: Aggregate> {
    candidate: Candidate<'l>,
    commands: Commands<'l>,
    states: States<'l, A>,
    is_asked: &'t dyn Fn(&Record) -> bool,
    schemas: Schemas<'l>,
    committed: i64,
    may_lack_outcomes: bool,
    /// An outcome has been found with its command: no later outcome is deleted.
    has_begun: bool,
    /// Time of the first outcome: earlier ones may be deleted.
    first: Option<Timestamp>,
    then: &'t mut dyn FnMut(Verdict),
}

/// The aggregate before a decision and the events of the decision, or the reason why they cannot be
/// compared.
type Found<A> = Result<
    (
        AggregateState<A>,
        Vec<Event<EventOf<<A as Aggregate>::Type>>>,
    ),
    Unfit,
>;

/// The reason why a decision is not compared, with its cause.
type Unfit = (Reason, Option<String>);

impl<A: Aggregate> Replay<'_, '_, A> {
    fn skip(&mut self, reason: Reason, place: String, detail: Option<String>) {
        (self.then)(Verdict::Skipped(Box::new(Skipped {
            reason,
            place,
            detail,
        })));
    }

    /// Compares the decision of a command that has an outcome.
    fn outcome(&mut self, recorded: &Recorded) -> Result<(), Error> {
        let place = recorded.envelope.command_position.clone();
        let Some((place, offset)) = place.and_then(|place| {
            let offset = offset_of(&place)?;
            Some((place, offset))
        }) else {
            let detail = Some("the outcome names no position of a command".to_owned());
            self.skip(Reason::UnreadableOutcome, recorded.place.clone(), detail);
            return Ok(());
        };
        let (operation, decided) = (recorded.outcome.operation_id, recorded.time());
        loop {
            match self.commands.next_towards(offset, operation, decided)? {
                Next::Found(command) => {
                    self.has_begun = true;
                    return self.command(recorded, &place, &command);
                }
                Next::WithoutOutcome(command) => self.without_outcome(&command)?,
                Next::Missing => {
                    self.skip(Reason::NoCommand, place, None);
                    return Ok(());
                }
            }
        }
    }

    /// Compares the decision of a command with its outcome and its events.
    fn command(
        &mut self,
        recorded: &Recorded,
        place: &str,
        command: &Command,
    ) -> Result<(), Error> {
        let key = text(command.record.key.as_deref());
        let decision = recorded.decision(&key, Some(place));
        let envelope = command.record.envelope().ok();
        let expected = envelope.and_then(|known| known.expected_version);
        let (before, old) = match self.with_result(recorded, &decision, expected)? {
            Ok(found) => found,
            Err((reason, detail)) => {
                self.skip(reason, place.to_owned(), detail);
                return Ok(());
            }
        };
        let about = About::command(self.schemas, command, place, decision.time)?;
        if command.record.is_cancel() {
            self.cancel(recorded, command, &before, about, &old);
            return Ok(());
        }
        self.judge(&before, command, about, &old)
    }

    /// Compares the decision of a cancel that the rules have made: that of an open workflow.
    fn cancel(
        &mut self,
        recorded: &Recorded,
        command: &Command,
        before: &AggregateState<A>,
        about: About,
        old: &DecisionResult,
    ) {
        let open = before.open.as_ref().map(|open| open.envelope.operation);
        let is_open = open.is_some() && open == command.record.cancels();
        let code = recorded.outcome.code.as_deref();
        let is_of_record = old.end.state == State::Failed && code == Some("unreadable");
        let envelope = match command.record.envelope() {
            Ok(envelope) if is_open && !is_of_record => envelope,
            _ => {
                self.skip(Reason::Kit, about.place, code.map(str::to_owned));
                return;
            }
        };
        let decide = || {
            self.candidate
                .cancel(before, &envelope, &about.place, about.time)
        };
        let new = decide();
        let field = old.first_difference(&new);
        let again = field.is_some().then(decide);
        let verdict = about.verdict(before.version, old.clone(), (Some(new), again), field);
        (self.then)(verdict);
    }

    /// Compares a command without an outcome with its events, if it has any.
    fn without_outcome(&mut self, command: &Command) -> Result<(), Error> {
        let record = &command.record;
        if !(self.is_asked)(record) {
            return Ok(());
        }
        let place = record.place();
        if record.offset >= self.committed {
            self.skip(Reason::Undecided, place, None);
            return Ok(());
        }
        // Its outcome stands with that of the command that it has cancelled.
        if record.is_cancel() {
            self.skip(Reason::Kit, place, None);
            return Ok(());
        }
        if self.has_begun || !self.may_lack_outcomes {
            self.skip(Reason::NoOutcome, place, None);
            return Ok(());
        }
        let key = text(record.key.as_deref());
        let decision = Decision {
            key: &key,
            operation: record.operation(),
            place: Some(&place),
            time: record.timestamp,
            version: None,
        };
        let found = self.found(&decision)?.and_then(|(before, own)| {
            let Some(first) = own.first() else {
                return Err((Reason::NoOutcome, None));
            };
            let now = first.envelope.time;
            let old = result_of_events(&own, self.schemas.own).map_err(unreadable)?;
            Ok((before, now, old))
        });
        let (before, now, old) = match found {
            Ok(found) => found,
            Err((reason, detail)) => {
                self.skip(reason, place, detail);
                return Ok(());
            }
        };
        let mut about = About::command(self.schemas, command, &place, now)?;
        about.has_outcome = false;
        self.judge(&before, command, about, &old)
    }

    /// Compares the decision of a deadline.
    fn deadline(&mut self, recorded: &Recorded) -> Result<(), Error> {
        let (outcome, envelope) = (&recorded.outcome, &recorded.envelope);
        let key = envelope.subject.clone();
        let decision = recorded.decision(&key, None);
        let found = self.with_result(recorded, &decision, None)?;
        // As a handler leaves it: a deadline is decided once, and a failed one ends the workflow.
        if outcome.state == State::Failed {
            self.states.change(&key, close);
        } else if let Ok((before, _)) = &found
            && let Some(set) = before.wake.as_ref().map(|wake| wake.set)
        {
            self.states.change(&key, |state| state.spend(set));
        }
        let (before, old) = match found {
            Ok(found) => found,
            Err((reason, detail)) => {
                self.skip(reason, recorded.place.clone(), detail);
                return Ok(());
            }
        };
        let decide = || {
            self.candidate
                .deadline(&before, outcome, envelope, decision.time)
        };
        let new = decide();
        let field = match &new {
            Some(new) => old.first_difference(new),
            None => Some("deadline".to_owned()),
        };
        let again = if field.is_some() { decide() } else { None };
        let about = About::deadline(recorded, decision.time);
        (self.then)(about.verdict(before.version, old, (new, again), field));
        Ok(())
    }

    /// Returns the aggregate before a decision, and the recorded result.
    fn with_result(
        &mut self,
        recorded: &Recorded,
        decision: &Decision<'_>,
        expected: Option<u64>,
    ) -> Result<Result<(AggregateState<A>, DecisionResult), Unfit>, Error> {
        Ok(self.found(decision)?.and_then(|(before, own)| {
            if recorded.is_by_kit(before.version, expected) {
                return Err((Reason::Kit, recorded.outcome.code.clone()));
            }
            let old = recorded.result(&own, self.schemas.own);
            Ok((before, old.map_err(unreadable)?))
        }))
    }

    /// Folds the events up to a decision, and those of the decision.
    fn found(&mut self, decision: &Decision<'_>) -> Result<Found<A>, Error> {
        let mut before = self.states.before(decision)?;
        if let Ok(before) = &mut before
            && decision.place.is_some()
            && self.has_missed_deadline(before, decision.time)
        {
            close(before);
            self.states.change(decision.key, close);
        }
        let own = self.states.own(decision)?;
        let (before, own) = match (before, own) {
            (Ok(before), Ok(own)) => (before, own),
            (Err(reason), _) | (_, Err(reason)) => return Ok(Err(unreadable(reason))),
        };
        let reached = before.version + own.len() as u64;
        Ok(match decision.version {
            Some(version) if version != reached => {
                let detail = format!("the events lead to {reached}, the outcome names {version}");
                Err((Reason::OtherVersion, Some(detail)))
            }
            _ => Ok((before, own)),
        })
    }

    /// Returns whether the deadline of an aggregate was decided without an event before a command,
    /// and its outcome is deleted: one that is due at the time of a command is decided before it.
    fn has_missed_deadline(&self, before: &AggregateState<A>, time: Timestamp) -> bool {
        let is_deleted = |due| self.may_lack_outcomes && self.first.is_none_or(|first| due < first);
        before
            .due()
            .is_some_and(|due| due <= time && is_deleted(due))
    }

    /// Decides a command again, and passes on the verdict.
    fn judge(
        &mut self,
        before: &AggregateState<A>,
        command: &Command,
        about: About,
        old: &DecisionResult,
    ) -> Result<(), Error> {
        let decide = || {
            let read = candidate::read::<A>(self.schemas, command)?;
            let decide = |read| {
                self.candidate
                    .command(before, read, &about.place, about.time)
            };
            Ok::<_, Error>(read.map(decide))
        };
        let new = match decide()? {
            Ok(new) => new,
            Err(reason) => {
                self.skip(Reason::UnreadableCommand, about.place, Some(reason));
                return Ok(());
            }
        };
        let field = if about.has_outcome {
            old.first_difference(&new)
        } else {
            old.first_difference_of_events(&new)
        };
        // A decision that differs is made twice, because chance would differ too.
        let again = if field.is_some() {
            decide()?.ok()
        } else {
            None
        };
        let verdict = about.verdict(before.version, old.clone(), (Some(new), again), field);
        (self.then)(verdict);
        Ok(())
    }
}

/// Leaves an aggregate as after a deadline without an event. If a workflow was open, the deadline
/// has failed, and the workflow has ended.
fn close<A: Aggregate>(state: &mut AggregateState<A>) {
    if let Some(set) = state.wake.as_ref().map(|wake| wake.set) {
        state.spend(set);
    }
    state.open = None;
}

fn unreadable(reason: String) -> Unfit {
    (Reason::UnreadableEvents, Some(reason))
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}
