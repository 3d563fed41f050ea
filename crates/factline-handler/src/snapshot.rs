//! Snapshots: a cache of states that makes restarts short. The log of events stays the only truth.
//!
//! `X.snapshots` holds the newest state of each aggregate, and for each partition a [`Cover`](cover::Cover) that says what these
//! states come to together: whoever reads them has every event up to the cover's sequence, and goes on from its offset. Both
//! are written in the transactions of batches, of states that were committed before, a few aggregates with each batch and the cover
//! anew every time: so no batch takes long for them, and at every instant the cover is true.
//!
//! - `record`: one aggregate, as it is written down and read back
//! - `cover`: what the records of a partition come to
//! - `round`: which aggregates are written when
//! - `load`: reads them back, and believes them only if nothing is wrong with any
//!
//! Nothing depends on them: a partition whose snapshots are wiped, or wiped in part, or of another shape, is replayed from
//! its first event. So the way to repair them is to delete the topic's records.

pub(crate) mod cover;
pub(crate) mod load;
pub(crate) mod record;
pub(crate) mod round;
