//! Policies: whenever this has happened, ask for that. The links between aggregates.
//!
//! A policy is pure: from one fact to commands. Its host sends them before it moves on, and so may send one twice; their
//! ids derive from the fact, and the handlers decide an id once. So a policy must answer the same fact alike every time,
//! and it is never replayed over old facts.
//!
//! A *process manager* is nothing of its own: an aggregate whose state is the process, with a policy that turns its
//! events into commands for others (see [`Emit::of_process`]), and one for each of the others that turns their facts
//! into commands for it.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::avro::{Codec, Error};
use crate::{Contract, Envelope, Messages, Outcome, id};

/// From the facts of one aggregate type to commands for any.
pub trait Policy: Send + Sync + 'static {
    /// Names its place in the log and the ids of what it emits: for ever.
    const NAME: &'static str;
    /// Whose facts.
    const SOURCE: &'static Contract;
    /// Whom it asks, and nobody else: their commands' schemas are seen to before its first fact.
    const TARGETS: &'static [&'static Contract];
    /// Where it begins when it is new.
    const START: Start = Start::Now;

    /// The events of the source.
    type Event: Messages;

    /// What to ask for. It cannot fail: the fact has happened. Nothing is an answer, too.
    fn react(fact: &Fact<Self::Event>) -> Vec<Emit>;
}

/// Where a policy begins that has never run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what happens from then on.
    Now,
    /// With the first fact that the log holds. Commands for facts that are older than the dedupe window fail, see
    /// `too_old`.
    Beginning,
}

/// Something that a policy can react to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<E> {
    /// Who, when, why.
    pub envelope: Envelope,
    /// What.
    pub what: What<E>,
}

/// What a fact is.
#[derive(Debug, Clone, PartialEq)]
pub enum What<E> {
    /// Something has happened.
    Event(E),
    /// A command has come to its end: so a refusal can be answered, too.
    Outcome(Box<Outcome>),
}

impl<E> Fact<E> {
    /// The id of the aggregate whose fact it is.
    pub fn subject(&self) -> &str {
        &self.envelope.subject
    }

    /// The event, if it is one.
    pub fn event(&self) -> Option<&E> {
        match &self.what {
            What::Event(event) => Some(event),
            What::Outcome(_) => None,
        }
    }

    /// The end of a command, if it is one.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.what {
            What::Event(_) => None,
            What::Outcome(outcome) => Some(outcome),
        }
    }

    /// The id of the process whose command led to this, if it was one of this aggregate type.
    pub fn process(&self, aggregate: &str) -> Option<&str> {
        let envelope = &self.envelope;
        let known = envelope.process_type.as_deref() == Some(aggregate);
        envelope.process_id.as_deref().filter(|_| known)
    }

    /// The envelope of a command that a policy asks for. `number` counts from 0 within what it asks for; `source` is the
    /// aggregate type whose fact this is. The position is the fact's, to which its host adds what only it knows.
    pub fn emitted(&self, policy: &str, source: &str, number: usize, emit: &Emit) -> Envelope {
        let fact = &self.envelope;
        let operation = id::emitted(policy, fact.id, number);
        let process = if emit.of_process {
            (Some(source.to_owned()), Some(fact.subject.clone()))
        } else {
            (fact.process_type.clone(), fact.process_id.clone())
        };
        Envelope {
            root_operation: Some(fact.root_operation.unwrap_or(fact.operation)),
            parent_operation: Some(fact.operation),
            process_type: process.0,
            process_id: process.1,
            correlation: fact.correlation,
            causation: fact.id,
            actor: fact.actor.clone(),
            time_to_live_ms: emit
                .time_to_live
                .and_then(|time| u64::try_from(time.num_milliseconds()).ok()),
            expected_version: emit.expected_version,
            position: fact.position.clone(),
            traceparent: fact.traceparent.clone(),
            ..Envelope::of_command(
                operation,
                emit.command.record(),
                &format!("/policies/{policy}"),
                &emit.id,
                fact.time,
            )
        }
    }
}

/// A command that a policy asks for.
#[derive(Debug, Clone)]
pub struct Emit {
    contract: &'static Contract,
    id: String,
    command: Arc<dyn AnyCommand>,
    of_process: bool,
    expected_version: Option<u64>,
    time_to_live: Option<TimeDelta>,
}

impl Emit {
    /// To the aggregate of this id. `command` is one of the contract's set of commands.
    pub fn to<C: Messages>(
        contract: &'static Contract,
        id: impl Into<String>,
        command: impl Into<C>,
    ) -> Self {
        Self {
            contract,
            id: id.into(),
            command: Arc::new(command.into()),
            of_process: false,
            expected_version: None,
            time_to_live: None,
        }
    }

    /// The aggregate whose fact it is sends this as a process: what becomes of the command, [`Fact::process`] leads
    /// back to it.
    #[must_use]
    pub fn of_process(self) -> Self {
        Self {
            of_process: true,
            ..self
        }
    }

    /// Only if the aggregate has this version; else it is rejected as `version_conflict`.
    #[must_use]
    pub fn expecting(self, version: u64) -> Self {
        Self {
            expected_version: Some(version),
            ..self
        }
    }

    /// Only if it is handled within this time of the fact; else it is `timed_out`.
    #[must_use]
    pub fn within(self, time: TimeDelta) -> Self {
        Self {
            time_to_live: Some(time),
            ..self
        }
    }

    /// To which aggregate type.
    pub fn contract(&self) -> &'static Contract {
        self.contract
    }

    /// To which aggregate.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Name of the command's record.
    pub fn record(&self) -> &'static str {
        self.command.record()
    }

    /// Writes the command's datum with the codec of [`Self::record`].
    pub fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        self.command.encode(codec)
    }
}

impl PartialEq for Emit {
    fn eq(&self, other: &Self) -> bool {
        self.contract.aggregate == other.contract.aggregate
            && self.id == other.id
            && self.command.same(other.command.as_ref())
            && self.of_process == other.of_process
            && self.expected_version == other.expected_version
            && self.time_to_live == other.time_to_live
    }
}

/// A command of whichever set.
trait AnyCommand: Any + Debug + Send + Sync {
    fn record(&self) -> &'static str;
    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error>;
    fn same(&self, other: &dyn AnyCommand) -> bool;
}

impl<M: Messages> AnyCommand for M {
    fn record(&self) -> &'static str {
        Messages::record(self)
    }

    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        Messages::encode(self, codec)
    }

    fn same(&self, other: &dyn AnyCommand) -> bool {
        (other as &dyn Any).downcast_ref::<M>() == Some(self)
    }
}
