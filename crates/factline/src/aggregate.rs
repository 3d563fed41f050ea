//! The write side of a domain: pure, synchronous functions over data.
//!
//! An aggregate has no clock, no random numbers and no IO. A command carries everything that its
//! decision needs. Therefore a host can decide the same command twice and get the same result.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::outcome::State;
use crate::{AggregateType, CommandOf, Context, EventOf, Timestamp};

/// A type whose history is a stream of events and whose rules accept or refuse commands.
///
/// The [`Default`] value is the aggregate before its first event. Make the type an enum of life
/// stages: then the `match` over stage and command is the rule book. The type is serialized when a
/// host writes a snapshot or a tool shows the state. The log holds events only.
pub trait Aggregate: Default + Clone + Send + Serialize + DeserializeOwned + 'static {
    /// Version of the state. Raise it when `evolve` derives a different state from the same events
    /// although the type's form is unchanged. Hosts then discard their snapshots and rebuild the
    /// states from the log. A change of the form is detected without it.
    const STATE_VERSION: u32 = 1;

    /// The aggregate type, which `factline-codegen` generates. It has the commands that the rules
    /// decide and the events that they produce.
    type Type: AggregateType;
    /// The reasons for which a command is refused.
    type Rejection: Rejection;

    /// Accepts a command with events, accepts it without events if its effect is already in place,
    /// or refuses it.
    ///
    /// The [context](Context) has the command's time and the actor who asks. The function depends
    /// on the state, the command and the context alone.
    fn decide(
        &self,
        command: CommandOf<Self::Type>,
        context: &Context<'_>,
    ) -> Result<Decision<EventOf<Self::Type>>, Self::Rejection>;

    /// Returns the state after an event. It cannot fail, because the event has happened. For a pair
    /// that the rules never produce it returns the state unchanged.
    #[must_use]
    fn evolve(self, event: &EventOf<Self::Type>) -> Self;

    /// Returns the deadline of this state: a due time and the command to decide then. A state that
    /// waits for nothing has none.
    ///
    /// A due deadline is decided in the same loop as all commands, with its due time as the time of
    /// the decision. It is decided before any command of that time or later, and late rather than
    /// never. Each state that set a deadline has it decided once. The host calls this function
    /// after every event; the first state with another due time sets another deadline.
    fn deadline(&self) -> Option<Deadline<CommandOf<Self::Type>>> {
        None
    }

    /// Returns the command that is decided when a client asks to cancel the open workflow of this
    /// process. A state that cannot be cancelled has none, and the request is rejected as
    /// `not_cancellable`.
    ///
    /// The command is decided like any other, with the time of the request and its actor. It may
    /// refuse, or accept and begin the compensation. The workflow ends as cancelled when a decision
    /// concludes it with [`Conclusion::cancelled`], at once or later.
    fn cancellation(&self) -> Option<CommandOf<Self::Type>> {
        None
    }

    /// Returns whether the aggregate's life has ended, so that hardly any command will come. Such
    /// states leave the memory of a handler first. A command that comes nevertheless is decided as
    /// usual.
    fn has_ended(&self) -> bool {
        false
    }
}

/// A command that an aggregate sends to itself at a due time.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadline<C> {
    /// The due time. Take it from an event: a state has no clock.
    pub due: Timestamp,
    /// The command that is decided at that time.
    pub command: C,
}

impl<C> Deadline<C> {
    /// Creates a deadline for this time with this command.
    pub fn at(due: Timestamp, command: impl Into<C>) -> Self {
        Self {
            due,
            command: command.into(),
        }
    }
}

/// A refusal by the domain. It is data, and never an infrastructure error.
pub trait Rejection: std::fmt::Display + std::fmt::Debug + PartialEq {
    /// Returns the stable code in `snake_case`. Clients compare it.
    fn code(&self) -> &'static str;
}

/// The rejection of an aggregate that refuses nothing, such as a process that ends as others
/// answer.
impl Rejection for std::convert::Infallible {
    fn code(&self) -> &'static str {
        match *self {}
    }
}

/// The result of an accepted command.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<E> {
    events: Vec<E>,
    workflow: Option<Workflow>,
}

/// The effect of a decision on the operation of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workflow {
    /// The command's operation stays open after the command is decided.
    Begins,
    /// The operation of an open workflow ends.
    Ends(Conclusion),
}

/// The end of a workflow's operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// The terminal state.
    pub state: State,
    /// Stable code in `snake_case`; none if the workflow completed as requested.
    pub code: Option<&'static str>,
    /// Human-readable form of the code.
    pub reason: Option<String>,
}

impl Conclusion {
    /// Creates the end of a workflow that completed as requested.
    pub fn completed() -> Self {
        Self {
            state: State::Completed,
            code: None,
            reason: None,
        }
    }

    /// Creates the end of a workflow that this aggregate or a participant refused.
    pub fn rejected(code: &'static str, reason: impl Into<String>) -> Self {
        Self::because(State::Rejected, code, reason)
    }

    /// Creates the end of a workflow in which a participant did not answer in time.
    pub fn timed_out(code: &'static str, reason: impl Into<String>) -> Self {
        Self::because(State::TimedOut, code, reason)
    }

    /// Creates the end of a workflow that was cancelled.
    pub fn cancelled(code: &'static str, reason: impl Into<String>) -> Self {
        Self::because(State::Cancelled, code, reason)
    }

    fn because(state: State, code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            state,
            code: Some(code),
            reason: Some(reason.into()),
        }
    }
}

impl<E> Decision<E> {
    /// Accepts with one event.
    pub fn event(event: impl Into<E>) -> Self {
        Self::events([event.into()])
    }

    /// Accepts with several events, in this order.
    pub fn events(events: impl IntoIterator<Item = E>) -> Self {
        Self {
            events: events.into_iter().collect(),
            workflow: None,
        }
    }

    /// Accepts without events, because the command's effect is already in place.
    pub fn nothing() -> Self {
        Self::events([])
    }

    /// Leaves the command's operation `running` until a later decision
    /// [concludes](Self::concluding) it: the aggregate is a process. The decision needs an event,
    /// which records the workflow in the log, and a state with a [deadline](Aggregate::deadline),
    /// so that every workflow ends.
    #[must_use]
    pub fn running(self) -> Self {
        Self {
            workflow: Some(Workflow::Begins),
            ..self
        }
    }

    /// Ends the operation that an earlier decision left [running](Self::running). The decision
    /// needs an event, which records the end in the log.
    #[must_use]
    pub fn concluding(self, conclusion: Conclusion) -> Self {
        Self {
            workflow: Some(Workflow::Ends(conclusion)),
            ..self
        }
    }

    /// Returns the effect on a workflow's operation.
    pub fn workflow(&self) -> Option<&Workflow> {
        self.workflow.as_ref()
    }

    /// Returns the events, in order.
    pub fn into_events(self) -> Vec<E> {
        self.events
    }
}
