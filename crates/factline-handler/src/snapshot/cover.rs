//! The cover of a partition: a description of its snapshots.

use factline::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Key of a partition's cover.
pub(crate) const KEY: &[u8] = b"cover";

/// The position in the log after the covered events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// Offset of the events topic: every event that is not covered has this offset or a higher one.
    pub(crate) offset: i64,
    /// Partition sequence of the last covered event.
    pub(crate) sequence: u64,
    /// The latest command time at that event.
    pub(crate) time: Timestamp,
}

/// Description of a partition's snapshots. Each transaction that writes a snapshot writes a new
/// cover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cover {
    /// Id of a series of records, which each of them carries. A new series begins when the old
    /// records are discarded.
    pub(crate) lineage: Uuid,
    /// [`factline::Aggregate::STATE_VERSION`].
    pub(crate) state_version: u32,
    /// Identity of the events topic: another topic of the same name has other offsets.
    pub(crate) events: String,
    /// The position of the first event that is not covered. An aggregate's snapshot may be newer:
    /// its own sequence says how new.
    pub(crate) tail: Tail,
    /// Number of aggregates that have a record.
    pub(crate) count: u64,
    /// Wrapping sum of the checksums of their newest records.
    pub(crate) checksum: u64,
}

impl Cover {
    /// Returns the cover of a partition without snapshots.
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

    /// Replaces the checksum of a record by another; 0 stands for no record.
    pub(crate) fn replace(&mut self, before: u64, after: u64) {
        self.count += u64::from(before == 0);
        self.checksum = self.checksum.wrapping_sub(before).wrapping_add(after);
    }
}
