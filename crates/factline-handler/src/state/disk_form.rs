//! The form of aggregates on the disk: an entry for each, and a list of those whose snapshot is to
//! be written. A place in the list is a key of its own. So a round of snapshots finds what it has
//! to write without reading the other aggregates.

/// First bytes of the keys: of an aggregate, of its place in the list, and of what follows the
/// list.
const AGGREGATE: u8 = b'a';
const LISTED: u8 = b'l';
const AFTER_LIST: u8 = LISTED + 1;

/// An aggregate's entry.
pub(super) struct Entry<'b> {
    /// Checksum of the newest snapshot that was written; 0 if there is none.
    pub(super) checksum: u64,
    /// The list contains the aggregate.
    pub(super) is_listed: bool,
    /// The JSON of a snapshot.
    pub(super) json: &'b [u8],
}

impl<'b> Entry<'b> {
    /// Returns the entry in these bytes. Anything that no process has written has empty JSON, which
    /// cannot be decoded.
    pub(super) fn read(bytes: &'b [u8]) -> Self {
        let (checksum, rest) = bytes.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let (is_listed, json) = rest.split_first().unwrap_or((&0, &[]));
        Self {
            checksum: u64::from_be_bytes(*checksum),
            is_listed: *is_listed == 1,
            json,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let checksum = self.checksum.to_be_bytes();
        [&checksum[..], &[u8::from(self.is_listed)], self.json].concat()
    }
}

pub(super) fn key(subject: &str) -> Vec<u8> {
    [&[AGGREGATE], subject.as_bytes()].concat()
}

/// Returns the key of an aggregate's place in the list.
pub(super) fn place(subject: &str) -> Vec<u8> {
    [&[LISTED], subject.as_bytes()].concat()
}

/// Returns the aggregate's id, if the key is a place in the list.
pub(super) fn subject(place: &[u8]) -> Option<&str> {
    std::str::from_utf8(place.strip_prefix(&[LISTED])?).ok()
}

/// The key after the list.
pub(super) const LIST_END: &[u8] = &[AFTER_LIST];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_reads_back() {
        for (checksum, is_listed, json) in [(0, true, &b"{}"[..]), (u64::MAX, false, b"")] {
            let written = Entry {
                checksum,
                is_listed,
                json,
            };
            let bytes = written.to_bytes();
            let read = Entry::read(&bytes);
            assert_eq!(
                (read.checksum, read.is_listed, read.json),
                (checksum, is_listed, json)
            );
        }
        assert!(Entry::read(b"short").json.is_empty());
    }

    #[test]
    fn list_has_only_places() {
        for id in ["", "a", "\u{10ffff}"] {
            let place = place(id);
            assert_eq!(subject(&place), Some(id));
            assert!(place.as_slice() < LIST_END && place > key("\u{10ffff}"));
            assert_eq!(subject(&key(id)), None);
        }
    }
}
