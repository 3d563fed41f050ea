//! The write side of a domain: pure, synchronous functions over data.
//!
//! An aggregate has no clock, no random numbers and no way to ask anybody: what a decision needs comes in with
//! the command. That is what lets a host decide the same command twice and get the same answer.

use crate::{Messages, Timestamp};

/// Something whose history is a stream of events and whose rules accept or refuse commands.
///
/// The [`Default`] value is the aggregate before its first event. Make the type an enum of life stages: then the
/// `match` over stage and command is the rule book.
pub trait Aggregate: Default + Clone + Send + 'static {
    /// `<context>.<aggregate>`, such as `catalog.product`: names the topics, for ever.
    const TYPE: &'static str;

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
}

impl<E> Decision<E> {
    /// One event.
    pub fn event(event: impl Into<E>) -> Self {
        Self {
            events: vec![event.into()],
        }
    }

    /// Several events, in this order.
    pub fn events(events: impl IntoIterator<Item = E>) -> Self {
        Self {
            events: events.into_iter().collect(),
        }
    }

    /// The command asks for what is already so.
    pub fn nothing() -> Self {
        Self { events: Vec::new() }
    }

    /// The events, in order.
    pub fn into_events(self) -> Vec<E> {
        self.events
    }
}
