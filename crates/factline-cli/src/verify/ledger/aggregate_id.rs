//! Ids of aggregates in a form that takes little memory.

use std::fmt;

use uuid::Uuid;

/// Id of an aggregate: 16 bytes if it is a UUID in lower case, which most are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum AggregateId {
    Uuid(Uuid),
    Other(Box<[u8]>),
}

impl From<&[u8]> for AggregateId {
    fn from(bytes: &[u8]) -> Self {
        let is_canonical = bytes.len() == 36 && !bytes.iter().any(u8::is_ascii_uppercase);
        match Uuid::try_parse_ascii(bytes) {
            Ok(id) if is_canonical => Self::Uuid(id),
            _ => Self::Other(bytes.into()),
        }
    }
}

impl fmt::Display for AggregateId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(id) => id.fmt(formatter),
            Self::Other(bytes) => formatter.write_str(&String::from_utf8_lossy(bytes)),
        }
    }
}
