//! The write side of a domain: pure, synchronous functions over data.
//!
//! An aggregate has no clock, no random numbers and no way to ask anybody: what a decision needs comes in with
//! the command. That is what lets a host decide the same command twice and get the same answer.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::outcome::State;
use crate::{Messages, Timestamp};

/// Something whose history is a stream of events and whose rules accept or refuse commands.
///
/// The [`Default`] value is the aggregate before its first event. Make the type an enum of life stages: then the
/// `match` over stage and command is the rule book. It is serialized where a host keeps it in a snapshot or a tool shows
/// it; what the log holds are events only.
pub trait Aggregate: Default + Clone + Send + Serialize + DeserializeOwned + 'static {
    /// `<context>.<aggregate>`, such as `catalog.product`: names the topics, for ever.
    const TYPE: &'static str;

    /// Raise it when `evolve` comes to another state from the same events although the type has kept its form: states that a
    /// host has written down are then thrown away, and made anew from the log. A change of the form is noticed without it.
    const STATE_VERSION: u32 = 1;

    /// What can be asked.
    type Command: Messages;
    /// What can have happened.
    type Event: Messages;
    /// Why a command is refused.
    type Rejection: Rejection;

    /// Accepts a command with events, or with none if it is already so, or refuses it.
    ///
    /// `now` is the command's time: the time at which the broker appended it, which never runs backwards within
    /// a partition.
    fn decide(
        &self,
        command: Self::Command,
        now: Timestamp,
    ) -> Result<Decision<Self::Event>, Self::Rejection>;

    /// The state after an event. It cannot fail: the event has happened. A pair that the rules never produce keeps
    /// the state as it is.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// When this state wants to be woken, and with which command; a state that waits for nothing has none.
    ///
    /// A due deadline is decided in the loop of all commands, with `now` = its due time: before any command of that
    /// time or later, late rather than never, and once for each state that set it. It is asked for after every event;
    /// the first state with another due time sets another deadline.
    fn deadline(&self) -> Option<Deadline<Self::Command>> {
        None
    }
}

/// A command that an aggregate sends itself when a time has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadline<C> {
    /// When. Take it from an event: a state has no clock.
    pub due: Timestamp,
    /// What is decided then.
    pub command: C,
}

impl<C> Deadline<C> {
    /// At this time, this command.
    pub fn at(due: Timestamp, command: impl Into<C>) -> Self {
        Self {
            due,
            command: command.into(),
        }
    }
}

/// A refusal by the domain: data, and never an error of the machinery.
pub trait Rejection: std::fmt::Display + std::fmt::Debug + PartialEq {
    /// Stable, in `snake_case`: clients compare it.
    fn code(&self) -> &'static str;
}

/// What an accepted command leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<E> {
    events: Vec<E>,
    workflow: Option<Workflow>,
}

/// What a decision does to the operation of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workflow {
    /// The command's operation goes on when the command is decided.
    Begins,
    /// The operation that was begun ends.
    Ends(Conclusion),
}

/// How the operation of a workflow ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// A terminal state.
    pub state: State,
    /// Stable, in `snake_case`; none if it went as it was asked for.
    pub code: Option<&'static str>,
    /// The same for people.
    pub reason: Option<String>,
}

impl Conclusion {
    /// It went as it was asked for.
    pub fn completed() -> Self {
        Self {
            state: State::Completed,
            code: None,
            reason: None,
        }
    }

    /// It was refused, here or by somebody whom it took.
    pub fn rejected(code: &'static str, reason: impl Into<String>) -> Self {
        Self::because(State::Rejected, code, reason)
    }

    /// Somebody whom it took did not answer in time.
    pub fn timed_out(code: &'static str, reason: impl Into<String>) -> Self {
        Self::because(State::TimedOut, code, reason)
    }

    /// It was called off.
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
    /// One event.
    pub fn event(event: impl Into<E>) -> Self {
        Self::events([event.into()])
    }

    /// Several events, in this order.
    pub fn events(events: impl IntoIterator<Item = E>) -> Self {
        Self {
            events: events.into_iter().collect(),
            workflow: None,
        }
    }

    /// The command asks for what is already so.
    pub fn nothing() -> Self {
        Self::events([])
    }

    /// The aggregate is a process, and the command's operation stays `running` until a later decision
    /// [concludes](Self::concluding) it. Needs an event, by which the log knows of it, and a state with a
    /// [deadline](Aggregate::deadline): no workflow runs for ever.
    #[must_use]
    pub fn running(self) -> Self {
        Self {
            workflow: Some(Workflow::Begins),
            ..self
        }
    }

    /// The operation that an earlier decision left [running](Self::running) ends. Needs an event, by which the log knows
    /// of it.
    #[must_use]
    pub fn concluding(self, conclusion: Conclusion) -> Self {
        Self {
            workflow: Some(Workflow::Ends(conclusion)),
            ..self
        }
    }

    /// What it does to a workflow's operation.
    pub fn workflow(&self) -> Option<&Workflow> {
        self.workflow.as_ref()
    }

    /// The events, in order.
    pub fn into_events(self) -> Vec<E> {
        self.events
    }
}
