//! The read side of a domain: pure functions from events to rows.

use std::hash::Hash;

use crate::{AggregateType, Envelope, EventOf};

/// An event with its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded<E> {
    /// The metadata of the record.
    pub envelope: Envelope,
    /// The event.
    pub event: E,
}

/// A view's rows as a fold of events.
///
/// Rows may be keyed by anything in the event. Events of one aggregate arrive in order. Events of
/// different aggregates arrive in any order, so a row that several aggregates change must have the
/// same result in every order.
pub trait Projection: Send + Sync + 'static {
    /// The aggregate type whose events the view follows.
    type Source: AggregateType;
    /// A row's key.
    type Key: Clone + Eq + Hash + Ord + Send + Sync;
    /// A row's contents.
    type Row: Clone + PartialEq + Send + Sync;

    /// Returns the keys of the rows that this event changes; none if the event does not affect the
    /// view.
    fn keys(event: &Recorded<EventOf<Self::Source>>) -> Vec<Self::Key>;

    /// Returns the row after the event; `None` means no row. It cannot fail, because the event has
    /// happened.
    fn apply(
        key: &Self::Key,
        row: Option<Self::Row>,
        event: &Recorded<EventOf<Self::Source>>,
    ) -> Option<Self::Row>;
}

/// A view's rows as sums over events: a delta instead of a row.
///
/// Rows may be keyed by anything in the event, and events of any aggregates may change a row. Sums
/// are the same in every order, so the events of different partitions are added to one row at the
/// same time.
pub trait AdditiveProjection: Send + Sync + 'static {
    /// The aggregate type whose events the view follows.
    type Source: AggregateType;
    /// A row's key.
    type Key: Clone + Eq + Hash + Ord + Send + Sync;
    /// The change of a row: numbers that are added to those of the row. A new row begins with zero.
    type Delta: Send + Sync;

    /// Returns the changes of this event with the keys of their rows; none if the event does not
    /// affect the view. An event that takes something back has negative numbers.
    fn deltas(event: &Recorded<EventOf<Self::Source>>) -> Vec<(Self::Key, Self::Delta)>;
}
