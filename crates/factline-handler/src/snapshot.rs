//! Snapshots: a cache of states that keeps restarts short. The log of events stays the only source
//! of truth.
//!
//! `X.snapshots` holds the newest state of each aggregate, and for each partition a
//! [`Cover`](cover::Cover). The cover says up to which event these states are complete: a reader
//! has every event up to the cover's sequence, and continues from its offset. Both are written in
//! the transactions of batches, of states that were committed before. Each batch writes a few
//! aggregates and a new cover. So no batch takes long for them, and the cover is valid at every
//! instant.
//!
//! - `record`: encodes and decodes one aggregate
//! - `cover`: describes the records of a partition
//! - `round`: selects the aggregates to write with each batch
//! - `staged`: the records while they are read
//! - `load`: reads the snapshots back, and discards those of a partition if any is invalid
//!
//! Nothing depends on snapshots. A partition is replayed from its first event if its snapshots are
//! deleted, completely or in part, or have another form. So the way to repair them is to delete the
//! topic's records.

pub(crate) mod cover;
pub(crate) mod load;
pub(crate) mod record;
pub(crate) mod round;
mod staged;
