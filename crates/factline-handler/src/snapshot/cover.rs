//! What the snapshots of a partition come to.

use factline::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Key of a partition's cover.
pub(crate) const KEY: &[u8] = b"cover";

/// Where the log goes on behind what is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// Offset of the events topic: every event that is not covered lies here or behind it.
    pub(crate) offset: i64,
    /// Partition sequence of the last event that is covered.
    pub(crate) sequence: u64,
    /// The latest command time then.
    pub(crate) time: Timestamp,
}

/// Written anew with every transaction that writes a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cover {
    /// The records that belong to it carry the same. A new one begins when the old ones are not believed.
    pub(crate) lineage: Uuid,
    /// [`factline::Aggregate::STATE_VERSION`].
    pub(crate) state_version: u32,
    /// Identity of the events topic: another of the same name has other offsets.
    pub(crate) events: String,
    /// What is not covered. An aggregate may be newer in its snapshot than this: its own sequence says how new.
    pub(crate) tail: Tail,
    /// How many aggregates have a record.
    pub(crate) count: u64,
    /// Sum of the checksums of their newest records, as far as it fits.
    pub(crate) checksum: u64,
}

impl Cover {
    /// Of a partition that has no snapshots.
    pub(crate) fn of_nothing(state_version: u32, events: &str) -> Self {
        Self {
            lineage: Uuid::new_v4(),
            state_version,
            events: events.to_owned(),
            tail: Tail {
                offset: 0,
                sequence: 0,
                time: Timestamp::UNIX_EPOCH,
            },
            count: 0,
            checksum: 0,
        }
    }

    /// A record takes the place of another; 0 is none.
    pub(crate) fn replace(&mut self, before: u64, after: u64) {
        self.count += u64::from(before == 0);
        self.checksum = self.checksum.wrapping_sub(before).wrapping_add(after);
    }
}
