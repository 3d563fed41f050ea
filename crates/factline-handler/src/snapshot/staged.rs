//! The snapshot records of a partition while they are read: the newest of each key. They move to
//! the disk while memory is short, because their number is that of all aggregates.

use std::collections::HashMap;

use uuid::Uuid;

use crate::state::disk::{Area, Change, DiskError};
use crate::state::memory::Share;
use crate::state::resources::Shared;

/// Maximum bytes of records in memory while memory is short.
const BUFFER: u64 = 4 << 20;

/// Approximate bytes of an entry besides key and value.
const ENTRY: u64 = 96;

/// The newest record of each key.
#[derive(Debug)]
pub(super) struct Staged {
    /// The newest records: lineage and value, or none if the record was deleted.
    newest: HashMap<Vec<u8>, Option<(Uuid, Vec<u8>)>>,
    bytes: u64,
    memory: Share,
    disk: Area,
    is_on_disk: bool,
}

/// A key with its lineage and value.
type Entry = (Vec<u8>, Uuid, Vec<u8>);

impl Staged {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            newest: HashMap::new(),
            bytes: 0,
            memory: Share::of(&shared.memory),
            disk: Area::of(&shared.disk),
            is_on_disk: false,
        }
    }

    /// Takes the next record of a key.
    pub(super) fn put(
        &mut self,
        key: Vec<u8>,
        value: Option<(Uuid, Vec<u8>)>,
    ) -> Result<(), DiskError> {
        let size = |value: &Option<(Uuid, Vec<u8>)>| {
            value.as_ref().map_or(0, |(_, value)| value.len() as u64)
        };
        self.bytes += size(&value);
        let key_size = key.len() as u64 + ENTRY;
        match self.newest.insert(key, value) {
            Some(before) => self.bytes -= size(&before),
            None => self.bytes += key_size,
        }
        self.memory.set(self.bytes);
        if self.bytes > BUFFER && self.memory.budget.is_short() {
            self.move_to_disk()?;
        }
        Ok(())
    }

    fn move_to_disk(&mut self) -> Result<(), DiskError> {
        let changes: Vec<Change> = self
            .newest
            .drain()
            .map(|(key, value)| {
                let joined = |(lineage, value): (Uuid, Vec<u8>)| {
                    [&lineage.into_bytes()[..], &value].concat()
                };
                (key, value.map(joined))
            })
            .collect();
        self.disk.write(changes)?;
        self.is_on_disk = true;
        self.newest = HashMap::new();
        self.bytes = 0;
        self.memory.set(0);
        Ok(())
    }

    /// Returns all records that were not deleted.
    pub(super) fn into_entries(
        mut self,
    ) -> Result<Box<dyn Iterator<Item = Result<Entry, DiskError>>>, DiskError> {
        if !self.is_on_disk {
            let Self { newest, memory, .. } = self;
            let entries = newest.into_iter().filter_map(move |(key, value)| {
                // The records count until the last one is read.
                let _ = &memory;
                value.map(|(lineage, value)| Ok((key, lineage, value)))
            });
            return Ok(Box::new(entries));
        }
        self.move_to_disk()?;
        let disk = self.disk;
        let entries = disk.entries(&[]);
        Ok(Box::new(entries.filter_map(move |entry| {
            // The area is deleted after the last record is read.
            let _ = &disk;
            match entry {
                Ok((key, value)) => {
                    let (lineage, value) = value.split_first_chunk()?;
                    Some(Ok((key, Uuid::from_bytes(*lineage), value.to_vec())))
                }
                Err(error) => Some(Err(error)),
            }
        })))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::state::disk::Disk;
    use crate::state::memory::MemoryBudget;

    fn read(budget: u64) -> (Vec<(Vec<u8>, usize)>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let shared = Shared {
            memory: Arc::new(MemoryBudget::of(budget)),
            disk: Arc::new(Disk::new(folder.path().to_owned(), 4 << 20)),
        };
        let mut staged = Staged::new(&shared);
        for round in 0..3_u8 {
            for key in 0..100_u8 {
                let value = vec![key; 50_000 + usize::from(round)];
                let is_deleted = round == 2 && key % 2 == 0;
                let value = (!is_deleted).then(|| (Uuid::from_u128(round.into()), value));
                staged.put(vec![key], value).unwrap();
            }
        }
        let was_on_disk = staged.is_on_disk;
        let entries = staged.into_entries().unwrap().map(|entry| {
            let (key, lineage, value) = entry.unwrap();
            assert_eq!(lineage, Uuid::from_u128(2));
            (key, value.len())
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort();
        (entries, was_on_disk)
    }

    #[test]
    fn newest_records_are_the_same_in_memory_and_on_disk() {
        let (in_memory, was_on_disk) = read(u64::MAX);
        assert!(!was_on_disk);
        assert_eq!(in_memory.len(), 50);
        assert!(
            in_memory
                .iter()
                .all(|(key, length)| key[0] % 2 == 1 && *length == 50_002)
        );
        let (on_disk, was_on_disk) = read(1 << 20);
        assert!(was_on_disk);
        assert_eq!(on_disk, in_memory);
    }
}
