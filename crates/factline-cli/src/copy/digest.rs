//! A hash over the records of a partition, which can be stored and continued.

use std::fmt;

use factline_kafka::Record;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::archive::hex;

/// SHA-256 over the hash of the records before and the next record. Not over the offset, the
/// partition, and the time that a broker gives to a record.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Digest([u8; 32]);

/// The text is not one of 64 hex digits.
#[derive(Debug, thiserror::Error)]
#[error("is not a hash of 64 hex digits")]
pub(super) struct Invalid;

impl Digest {
    /// Adds a record. `has_own_time` is false on topics where brokers set the time.
    pub(super) fn add(&mut self, record: &Record, has_own_time: bool) {
        let mut sum = Sha256::new();
        sum.update(self.0);
        let time = if has_own_time {
            record.timestamp.timestamp_millis()
        } else {
            0
        };
        sum.update(time.to_be_bytes());
        let mut field = |bytes: Option<&[u8]>| {
            // A missing field differs from an empty one.
            let length = bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            sum.update(length.to_be_bytes());
            sum.update(bytes.unwrap_or_default());
        };
        field(record.key.as_deref());
        field(record.value.as_deref());
        for (name, value) in record.headers.iter() {
            field(Some(name.as_bytes()));
            field(Some(value));
        }
        self.0 = sum.finalize().into();
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        hex(&digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(Invalid);
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| Invalid)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| Invalid)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use factline::Timestamp;

    use super::*;

    fn record(key: Option<&str>, headers: &[(&str, &str)]) -> Record {
        Record {
            topic: "a".to_owned(),
            partition: 0,
            offset: 0,
            timestamp: Timestamp::from_timestamp_millis(7).unwrap(),
            key: key.map(|key| key.as_bytes().to_vec()),
            headers: headers.iter().copied().collect(),
            value: None,
        }
    }

    fn of(records: &[Record], has_own_time: bool) -> Digest {
        let mut digest = Digest::default();
        for record in records {
            digest.add(record, has_own_time);
        }
        digest
    }

    #[test]
    fn digest_depends_on_every_field_and_the_order() {
        let records = [
            record(None, &[]),
            record(Some(""), &[]),
            record(Some("ab"), &[("c", "d")]),
            record(Some("ab"), &[("cd", "")]),
        ];
        for (index, one) in records.iter().enumerate() {
            for other in &records[..index] {
                let (forth, back) = ([one.clone(), other.clone()], [other.clone(), one.clone()]);
                assert_ne!(of(&forth[..1], true), of(&back[..1], true));
                assert_ne!(of(&forth, true), of(&back, true));
            }
        }
        let mut later = records[0].clone();
        later.timestamp += chrono::TimeDelta::milliseconds(1);
        let later = [later];
        assert_ne!(of(&later, true), of(&records[..1], true));
        assert_eq!(of(&later, false), of(&records[..1], false));
    }

    #[test]
    fn digest_continues_after_its_text() {
        let half = of(&[record(Some("a"), &[])], true);
        let text = serde_json::to_string(&half).unwrap();
        let mut read: Digest = serde_json::from_str(&text).unwrap();
        read.add(&record(Some("b"), &[]), true);
        let whole = of(&[record(Some("a"), &[]), record(Some("b"), &[])], true);
        assert_eq!(read, whole);
        assert!(serde_json::from_str::<Digest>("\"ab\"").is_err());
    }
}
