//! The result of one command or deadline, as a value: its facts, and what changes in memory once
//! they are committed.

use std::sync::Arc;

use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, Envelope, EventOf, Outcome, Timestamp};
use uuid::Uuid;

use crate::state::aggregate::AggregateState;
use factline_kafka::records::record::Record;

/// Events of an aggregate, with the metadata of their records.
pub(crate) type Events<A> = Vec<Enveloped<EventOf<<A as Aggregate>::Type>>>;

/// A decided command or deadline.
#[derive(Debug)]
pub(crate) struct Decided<A: Aggregate> {
    pub(crate) facts: Facts<EventOf<A::Type>>,
    /// The aggregate's id and next state, if the state changes.
    pub(crate) next: Option<(Arc<str>, AggregateState<A>)>,
    /// The idempotency scope of the command, in its short form.
    pub(crate) scope: Option<Uuid>,
}

/// Everything that one command or deadline makes visible. A duplicate makes nothing visible.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts<E> {
    /// Number of the partition.
    pub(crate) partition: i32,
    pub(crate) kind: OutcomeKind,
    /// The command itself, if it failed through its own fault.
    pub(crate) letter: Option<Box<DeadLetter>>,
    /// The events, in order.
    pub(crate) events: Vec<Enveloped<E>>,
    /// The outcome of the command's own operation.
    pub(crate) outcome: Option<Box<Enveloped<Outcome>>>,
    /// The outcome of the workflow's operation, if this command or deadline ends the workflow.
    pub(crate) concluded: Option<Box<Enveloped<Outcome>>>,
    /// The outcome of the cancel, if this command was cancelled.
    pub(crate) cancel: Option<Box<Enveloped<Outcome>>>,
}

/// An event or an outcome, with the metadata of its record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Enveloped<T> {
    pub(crate) envelope: Envelope,
    pub(crate) value: T,
}

/// A command that failed through its own fault.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeadLetter {
    /// The record to keep.
    pub(crate) record: Record,
    pub(crate) operation: Uuid,
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    pub(crate) time: Timestamp,
}

impl<E> Facts<E> {
    /// Creates the facts of a command or a deadline that was decided before.
    pub(crate) fn none(partition: i32, kind: OutcomeKind) -> Self {
        Self {
            partition,
            kind,
            letter: None,
            events: Vec::new(),
            outcome: None,
            concluded: None,
            cancel: None,
        }
    }

    /// Creates the facts of a command or a deadline without events.
    pub(crate) fn of_outcome(
        partition: i32,
        kind: OutcomeKind,
        outcome: Box<Enveloped<Outcome>>,
    ) -> Self {
        Self {
            outcome: Some(outcome),
            ..Self::none(partition, kind)
        }
    }

    /// Returns the label under which the metrics count the command or deadline.
    pub(crate) fn label(&self) -> &'static str {
        match (self.kind, &self.outcome) {
            (OutcomeKind::Deadline, _) => "deadline",
            (_, Some(outcome)) => State::as_str(outcome.value.state),
            (_, None) => "duplicate",
        }
    }
}
