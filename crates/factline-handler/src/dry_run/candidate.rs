//! The decision of this program.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::outcome::{OutcomeKind, State};
use factline::{
    Aggregate, AggregateType as _, CommandOf, Envelope, EventOf, Messages as _, Outcome, Timestamp,
    cancel, error_chain, panic_message,
};
use factline_kafka::records::decode;
use factline_kafka::topics::Topics;

use super::codecs::{OwnCodecs, unknown};
use super::log::{Command, Encoding, Error, Schemas};
use super::result::{DecidedEvent, DecisionResult, Ended};
use crate::decide::aggregate_id::check_id;
use crate::decide::cancel::NOT_CANCELLABLE;
use crate::decide::decision;
use crate::decide::facts::{Decided, Enveloped};
use crate::decide::fault::Fault;
use crate::decide::origin::{CommandContext, Origin};
use crate::state::aggregate::AggregateState;

/// A command, as this program reads it.
pub(super) type Read<A> = Result<(Envelope, CommandOf<<A as Aggregate>::Type>), decode::Error>;

/// Reads a command by the schemas of this program. An error of the second kind is a command of an
/// export that cannot be read, although that of the log might be.
pub(super) fn read<A: Aggregate>(
    schemas: Schemas<'_>,
    command: &Command,
) -> Result<Result<Read<A>, String>, Error> {
    let record = &command.record;
    match &command.encoding {
        Encoding::Framed => {
            let decoding = decode::message(schemas.registry, record);
            Ok(Ok(schemas.decoded(decoding)?))
        }
        Encoding::OwnSchema => Ok(match read_own::<A>(schemas.own, command) {
            Ok(read) => Ok(Ok(read)),
            Err(error) => Err(error_chain(&error)),
        }),
        Encoding::Unreadable(reason) => Ok(Err(reason.clone())),
    }
}

fn read_own<A: Aggregate>(codecs: &OwnCodecs, command: &Command) -> Read<A> {
    let envelope = command.record.envelope()?;
    let name = &envelope.record;
    let codec = codecs.command(name).ok_or_else(|| unknown(name))?;
    let datum = command.record.value.as_deref();
    let datum = datum.ok_or(decode::Error::NoValue)?;
    let message = factline::Messages::decode(name, codec, datum)?;
    Ok((envelope, message))
}

/// The rules of this program, with the context that a handler gives them.
pub(super) struct Candidate<'l> {
    origin: Origin,
    codecs: &'l OwnCodecs,
    partition: i32,
}

impl<'l> Candidate<'l> {
    pub(super) fn new<A: Aggregate>(codecs: &'l OwnCodecs, partition: i32) -> Self {
        let contract = A::Type::CONTRACT;
        // Positions are not compared, so their topic does not matter.
        let topics = Topics::new("", contract.aggregate);
        Self {
            origin: Origin::new(contract, &topics, String::new()),
            codecs,
            partition,
        }
    }

    /// Decides a command.
    pub(super) fn command<A: Aggregate>(
        &self,
        before: &AggregateState<A>,
        read: Read<A>,
        place: &str,
        now: Timestamp,
    ) -> DecisionResult {
        Self::decided(false, || {
            let (envelope, command) = read.map_err(Fault::Unreadable)?;
            check_id(&command, &envelope.subject)?;
            let context = CommandContext {
                partition: self.partition,
                place: Some(place.to_owned()),
                envelope,
                kind: OutcomeKind::Command,
                now,
            };
            self.decide(before, context, command)
        })
    }

    /// Decides a cancel of the open workflow.
    pub(super) fn cancel<A: Aggregate>(
        &self,
        before: &AggregateState<A>,
        envelope: &Envelope,
        place: &str,
        now: Timestamp,
    ) -> DecisionResult {
        Self::decided(false, || {
            let context = CommandContext {
                partition: self.partition,
                place: Some(place.to_owned()),
                envelope: envelope.clone(),
                kind: OutcomeKind::Command,
                now,
            };
            match before.state.cancellation() {
                Some(command) => self.decide(before, context, command),
                None => Ok(not_cancellable()),
            }
        })
    }

    /// Decides a deadline; none if this program has set no deadline, or if it is not due.
    pub(super) fn deadline<A: Aggregate>(
        &self,
        before: &AggregateState<A>,
        recorded: &Outcome,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Option<DecisionResult> {
        let deadline = catch_unwind(AssertUnwindSafe(|| before.state.deadline()));
        let deadline = match deadline {
            Ok(deadline) => deadline.filter(|deadline| deadline.due <= now)?,
            Err(panic) => {
                let fault = Fault::Panic(panic_message(&*panic));
                return Some(failed(&fault, before.open.is_some()));
            }
        };
        let (operation, record) = (recorded.operation_id, deadline.command.record());
        let own = Envelope::of_command(
            operation,
            record,
            self.origin.source(),
            &envelope.subject,
            now,
        );
        let context = CommandContext {
            partition: self.partition,
            place: None,
            envelope: Envelope {
                actor: recorded.actor.clone(),
                origin_time: envelope.origin_time,
                ..own
            },
            kind: OutcomeKind::Deadline,
            now,
        };
        let is_open = before.open.is_some();
        Some(Self::decided(is_open, || {
            self.decide(before, context, deadline.command)
        }))
    }

    fn decide<A: Aggregate>(
        &self,
        before: &AggregateState<A>,
        context: CommandContext,
        command: CommandOf<A::Type>,
    ) -> Result<DecisionResult, Fault> {
        let sequence = before.sequence + 1;
        let decided =
            decision::decide_on(&self.origin, before.clone(), sequence, context, command)?;
        self.result(&decided)
    }

    /// Returns the result, or that of a fault. `ends_workflow` says whether a fault also ends the
    /// open workflow, as that of a deadline does.
    fn decided(
        ends_workflow: bool,
        decide: impl FnOnce() -> Result<DecisionResult, Fault>,
    ) -> DecisionResult {
        let decided = catch_unwind(AssertUnwindSafe(decide));
        let decided = decided.unwrap_or_else(|panic| Err(Fault::Panic(panic_message(&*panic))));
        decided.unwrap_or_else(|fault| failed(&fault, ends_workflow))
    }

    fn result<A: Aggregate>(&self, decided: &Decided<A>) -> Result<DecisionResult, Fault> {
        let facts = &decided.facts;
        let events: Result<Vec<_>, Fault> = facts
            .events
            .iter()
            .map(|event| decided_event::<A>(self.codecs, event))
            .collect();
        let Some(outcome) = &facts.outcome else {
            return Err(Fault::Panic("a decision has no outcome".to_owned()));
        };
        let concluded = facts.concluded.as_ref();
        Ok(DecisionResult {
            end: ended(&outcome.value),
            events: events?,
            concluded: concluded.map(|concluded| ended(&concluded.value)),
        })
    }
}

fn decided_event<A: Aggregate>(
    codecs: &OwnCodecs,
    event: &Enveloped<EventOf<A::Type>>,
) -> Result<DecidedEvent, Fault> {
    let data = codecs.event(&event.value);
    let data = data.map_err(|error| Fault::Unwritable(error.into()))?;
    Ok(DecidedEvent {
        record: event.envelope.record.clone(),
        data,
    })
}

/// Returns the end of an operation as its outcome has it.
pub(super) fn ended(outcome: &Outcome) -> Ended {
    Ended {
        state: outcome.state,
        code: outcome.code.clone(),
        reason: outcome.reason.clone(),
    }
}

fn not_cancellable() -> DecisionResult {
    DecisionResult {
        end: Ended {
            state: State::Rejected,
            code: Some(cancel::NOT_CANCELLABLE.to_owned()),
            reason: Some(NOT_CANCELLABLE.to_owned()),
        },
        events: Vec::new(),
        concluded: None,
    }
}

fn failed(fault: &Fault, ends_workflow: bool) -> DecisionResult {
    let end = Ended {
        state: State::Failed,
        code: Some(fault.code().to_owned()),
        reason: Some(fault.reason()),
    };
    DecisionResult {
        concluded: ends_workflow.then(|| end.clone()),
        end,
        events: Vec::new(),
    }
}
