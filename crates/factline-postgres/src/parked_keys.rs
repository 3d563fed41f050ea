//! The parked keys of a partition, as its follower knows them.
//!
//! Pure bookkeeping, like [`crate::partition`].

use std::collections::BTreeMap;

use factline::Timestamp;
use factline_kafka::Record;

/// Maximum number of parked keys in a partition. A release that fails for every record must not
/// copy the topic into the database.
pub(crate) const MAX_PARKED_KEYS: usize = 1_000;

/// The parked keys of a partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parked {
    /// Number of redrives and discards, as in the checkpoint.
    pub(crate) redrives: i64,
    pub(crate) keys: BTreeMap<Vec<u8>, ParkedKey>,
}

impl Parked {
    /// Counts records of a key that were removed. Without a next one, the key is parked no longer.
    pub(crate) fn removed(&mut self, key: &[u8], records: usize, next: Option<i64>) {
        match (next, self.keys.get_mut(key)) {
            (Some(first), Some(parked)) => {
                parked.first = first;
                parked.records = parked.records.saturating_sub(records as u64);
            }
            _ => {
                self.keys.remove(key);
            }
        }
    }
}

/// A parked key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParkedKey {
    /// Offset of its first parked record.
    pub(crate) first: i64,
    /// Number of its records that are stored.
    pub(crate) records: u64,
    /// Time at which it was parked.
    pub(crate) since: Timestamp,
}

/// Returns the key of a record as the database stores it.
pub(crate) fn parkable_key(record: &Record) -> Option<&str> {
    let key = std::str::from_utf8(record.key.as_deref()?).ok()?;
    (!key.contains('\0')).then_some(key)
}
