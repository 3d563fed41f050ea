//! The read side of a domain: pure functions from events to rows.

use std::hash::Hash;

use crate::{Envelope, Messages};

/// An event as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded<E> {
    /// Who, when, why, and in which order.
    pub envelope: Envelope,
    /// What happened.
    pub event: E,
}

/// A view's rows as a fold of events.
///
/// Rows may be keyed by anything in the event. Events of one aggregate arrive in order; of different aggregates in
/// any order, so a row that several aggregates touch must come out the same either way.
pub trait Projection: Send + Sync + 'static {
    /// The events that the view follows.
    type Event: Messages;
    /// A row's key.
    type Key: Clone + Eq + Hash + Ord + Send + Sync;
    /// A row's contents.
    type Row: Clone + PartialEq + Send + Sync;

    /// Keys of the rows that this event concerns; none if the view does not care for it.
    fn keys(event: &Recorded<Self::Event>) -> Vec<Self::Key>;

    /// The row after the event; `None` is no row. It cannot fail: the event has happened.
    fn apply(
        key: &Self::Key,
        row: Option<Self::Row>,
        event: &Recorded<Self::Event>,
    ) -> Option<Self::Row>;
}
