//! The changes of a batch in a partition. They are made in an [`Overlay`](super::overlay::Overlay),
//! and the partition adopts them after the commit.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use factline::Timestamp;
use uuid::Uuid;

use super::aggregate::AggregateState;
use super::senders::Senders;

/// The changes of a batch.
#[derive(Debug)]
pub(crate) struct Changes<A> {
    pub(super) aggregates: HashMap<Arc<str>, AggregateState<A>>,
    /// Aggregates that were read from the disk, as they were there.
    pub(super) read: HashMap<Arc<str>, AggregateState<A>>,
    /// Deadlines of the changed aggregates; those of the others are unchanged.
    pub(super) deadlines: BTreeSet<(Timestamp, Arc<str>)>,
    pub(super) sequence: u64,
    pub(super) time: Timestamp,
    pub(super) next: i64,
    /// The decided commands: the id of the outcome's record, and the time.
    pub(super) operations: HashMap<Uuid, (Uuid, Timestamp)>,
    pub(super) scopes: HashMap<Uuid, Uuid>,
    pub(super) senders: Senders,
}
