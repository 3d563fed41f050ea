//! Policies: when a fact happens, send commands. They are the links between aggregates.
//!
//! A policy is a pure function from one fact to commands. Its host sends the commands before it
//! commits its position, so it may send one twice. The ids of the commands derive from the fact,
//! and the handlers decide an id once. Therefore a policy must return the same commands for the
//! same fact every time, and it is never replayed over old facts.
//!
//! A *process manager* is not a separate concept. It is an aggregate whose state is the process.
//! One policy turns its events into commands for others (see [`Emit::of_process`]). One policy for
//! each of the others turns their facts into commands for it.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::Value;
use uuid::Uuid;

use crate::avro::{Codec, Error};
use crate::poison::PoisonPolicy;
use crate::{
    AggregateType, CommandOf, Contract, Envelope, EventOf, Messages, Outcome, Roles, Timestamp, id,
};

/// A function from the facts of one aggregate type to commands for any aggregate type.
pub trait Policy: Send + Sync + 'static {
    /// Stable name. Names the consumer group and the ids of the emitted commands; it must never
    /// change.
    const NAME: &'static str;
    /// The only aggregate types that the policy sends commands to. The host registers the schemas
    /// of their commands before the first fact. Name them by [`AggregateType::CONTRACT`].
    const TARGETS: &'static [&'static Contract];
    /// Start position of a new policy.
    const START: Start = Start::Now;
    /// Treatment of a fact that can never be handled: [`Self::react`] panics, a command cannot be
    /// written, or the fact cannot be read.
    const POISON: PoisonPolicy = PoisonPolicy::Park;

    /// The aggregate type whose facts the policy reads.
    type Source: AggregateType;

    /// Returns the commands to send; there may be none. It cannot fail, because the fact has
    /// happened.
    fn react(fact: &Fact<EventOf<Self::Source>>) -> Vec<Emit>;
}

/// Start position of a policy that has never run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The end of the log at the first start.
    Now,
    /// The first fact in the log. Commands for facts that are older than the dedupe window fail,
    /// see `too_old`.
    Beginning,
}

/// A fact that a policy can react to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<E> {
    /// The metadata of the record.
    pub envelope: Envelope,
    /// The content of the record.
    pub what: What<E>,
}

/// The content of a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum What<E> {
    /// An event.
    Event(E),
    /// The outcome of a command, so that a policy can also react to a refusal.
    Outcome(Box<Outcome>),
}

impl<E> Fact<E> {
    /// Returns the id of the aggregate whose fact it is.
    pub fn subject(&self) -> &str {
        &self.envelope.subject
    }

    /// Returns the event, if the fact is one.
    pub fn event(&self) -> Option<&E> {
        match &self.what {
            What::Event(event) => Some(event),
            What::Outcome(_) => None,
        }
    }

    /// Returns the outcome of a command, if the fact is one.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.what {
            What::Event(_) => None,
            What::Outcome(outcome) => Some(outcome),
        }
    }

    /// Returns the id of the process whose command caused this fact, if it is a process of this
    /// aggregate type.
    pub fn process(&self, aggregate: &str) -> Option<&str> {
        let envelope = &self.envelope;
        let known = envelope.process_type.as_deref() == Some(aggregate);
        envelope.process_id.as_deref().filter(|_| known)
    }

    /// Creates the envelope of a command that a policy sends. `number` counts from 0 within the
    /// commands for the fact; `source` is the aggregate type of the fact. The position is the
    /// fact's; the host adds the points that only it knows.
    pub fn emitted(&self, policy: &str, source: &str, number: usize, emit: &Emit) -> Envelope {
        let fact = &self.envelope;
        if let Some(root) = &emit.root {
            return self.emitted_as_root(policy, root, emit);
        }
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
            time_to_live_ms: emit.time_to_live_ms(),
            expected_version: emit.expected_version,
            position: fact.position.clone(),
            traceparent: fact.traceparent.clone(),
            ..self.own_envelope(policy, operation, emit)
        }
    }

    /// Creates the envelope of a command that begins a chain of its own.
    fn emitted_as_root(&self, policy: &str, root: &Root, emit: &Emit) -> Envelope {
        Envelope {
            causation: self.envelope.id,
            actor: root.actor.clone(),
            roles: root.roles.clone(),
            time_to_live_ms: emit.time_to_live_ms(),
            expected_version: emit.expected_version,
            traceparent: self.envelope.traceparent.clone(),
            ..self.own_envelope(policy, root.operation, emit)
        }
    }

    fn own_envelope(&self, policy: &str, operation: Uuid, emit: &Emit) -> Envelope {
        let (fact, source) = (&self.envelope, format!("/policies/{policy}"));
        let (record, id) = (emit.record(), emit.id());
        Envelope {
            origin_time: happened(fact),
            ..Envelope::of_command(operation, record, &source, id, fact.time)
        }
    }
}

/// Returns the time at which a fact happened. The fact of a deadline has the due time, but it
/// happened when the handler decided the deadline, perhaps after hours of downtime. A command that
/// was as old as the due time could be too old to be decided.
fn happened(fact: &Envelope) -> Timestamp {
    match &fact.command_position {
        None => fact.time.max(fact.origin_time),
        Some(_) => fact.time,
    }
}

/// A command that a policy sends.
#[derive(Debug, Clone)]
pub struct Emit {
    contract: &'static Contract,
    id: String,
    command: Arc<dyn AnyCommand>,
    of_process: bool,
    expected_version: Option<u64>,
    time_to_live: Option<TimeDelta>,
    root: Option<Root>,
}

/// The operation and the actor of a command that begins a chain of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Id of the command's operation. It must derive from the fact.
    pub operation: Uuid,
    /// The actor who has asked for the command.
    pub actor: String,
    /// The roles that the actor had then.
    pub roles: Roles,
}

impl Emit {
    /// Creates a command to the aggregate of this type and id.
    pub fn to<T: AggregateType>(id: impl Into<String>, command: impl Into<CommandOf<T>>) -> Self {
        Self {
            contract: T::CONTRACT,
            id: id.into(),
            command: Arc::new(command.into()),
            of_process: false,
            expected_version: None,
            time_to_live: None,
            root: None,
        }
    }

    /// Creates a command of any aggregate type, as its record's name and its data. The data has the
    /// form in which [`Codec::decode_json`] reads it. A command that the contract lacks, or whose
    /// data does not fit its schema, is a fact that can never be handled, see [`Policy::POISON`].
    pub fn of_data(
        contract: &'static Contract,
        id: impl Into<String>,
        record: impl Into<String>,
        data: Value,
    ) -> Self {
        let record = record.into();
        Self {
            contract,
            id: id.into(),
            command: Arc::new(DataCommand { record, data }),
            of_process: false,
            expected_version: None,
            time_to_live: None,
            root: None,
        }
    }

    /// Makes the command the first of a chain, as if its actor had sent it at the time of the fact:
    /// its operation has no parent, and the rules see a client's command. The fact remains its
    /// cause.
    #[must_use]
    pub fn as_root(self, root: Root) -> Self {
        let root = Some(root);
        Self { root, ..self }
    }

    /// Marks the fact's aggregate as the process that sends this command. [`Fact::process`] on the
    /// command's results returns it.
    #[must_use]
    pub fn of_process(self) -> Self {
        Self {
            of_process: true,
            ..self
        }
    }

    /// Requires this version of the aggregate; otherwise the command is rejected as
    /// `version_conflict`.
    #[must_use]
    pub fn expecting(self, version: u64) -> Self {
        Self {
            expected_version: Some(version),
            ..self
        }
    }

    /// Limits the time between the fact and the handling of the command; a later command is
    /// `timed_out`.
    #[must_use]
    pub fn within(self, time: TimeDelta) -> Self {
        Self {
            time_to_live: Some(time),
            ..self
        }
    }

    /// Returns the contract of the target aggregate type.
    pub fn contract(&self) -> &'static Contract {
        self.contract
    }

    /// Returns the id of the target aggregate.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name of the command's record.
    pub fn record(&self) -> &str {
        self.command.record()
    }

    /// Writes the command's datum with the codec of [`Self::record`].
    pub fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        self.command.encode(codec)
    }

    fn time_to_live_ms(&self) -> Option<u64> {
        let time = self.time_to_live?;
        u64::try_from(time.num_milliseconds()).ok()
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
            && self.root == other.root
    }
}

/// A command of any set.
trait AnyCommand: Any + Debug + Send + Sync {
    fn record(&self) -> &str;
    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error>;
    fn same(&self, other: &dyn AnyCommand) -> bool;
}

/// A command as data.
#[derive(Debug, PartialEq)]
struct DataCommand {
    record: String,
    data: Value,
}

impl AnyCommand for DataCommand {
    fn record(&self) -> &str {
        &self.record
    }

    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        codec.encode_json(&self.data)
    }

    fn same(&self, other: &dyn AnyCommand) -> bool {
        (other as &dyn Any).downcast_ref::<Self>() == Some(self)
    }
}

impl<M: Messages> AnyCommand for M {
    fn record(&self) -> &str {
        Messages::record(self)
    }

    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        Messages::encode(self, codec)
    }

    fn same(&self, other: &dyn AnyCommand) -> bool {
        (other as &dyn Any).downcast_ref::<M>() == Some(self)
    }
}
