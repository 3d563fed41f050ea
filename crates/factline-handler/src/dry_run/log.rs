//! The records of a partition.

use factline_kafka::records::decode;
use factline_kafka::records::record::Record;
use factline_kafka::records::registry::Registry;
use tokio::runtime::Handle;

use super::codecs::OwnCodecs;

/// Reason why a record cannot be read from its source.
pub type ReadError = Box<dyn std::error::Error + Send + Sync>;

/// Records in their order.
pub type Records<'l, T> = &'l mut dyn Iterator<Item = Result<T, ReadError>>;

/// Reason why a dry run cannot go on. Its cause is not a record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source of the records fails.
    #[error("cannot read the records")]
    Read(#[source] ReadError),
    /// The registry is unavailable.
    #[error("cannot read a schema")]
    Registry(#[source] decode::Error),
}

/// The form of a command's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// As in the log: with the id of the schema that wrote it.
    Framed,
    /// A datum of this program's own schema, such as one that was made from an export.
    OwnSchema,
    /// None: the command of an export is no command of this program, for this reason.
    Unreadable(String),
}

/// A command that is decided again.
#[derive(Debug, Clone)]
pub struct Command {
    /// Its record, with the position that outcomes and events name.
    pub record: Record,
    /// The form of its value.
    pub encoding: Encoding,
}

/// The records of a partition of an aggregate type, each in the order of their offsets.
pub struct Log<'l> {
    /// Number of the partition.
    pub partition: i32,
    /// The commands that are kept.
    pub commands: Records<'l, Command>,
    /// The outcomes of the decisions to compare.
    pub outcomes: Records<'l, Record>,
    /// The events, from the first one. They include those of all outcomes.
    pub events: Records<'l, Record>,
    /// The next command that the handlers had not decided before the outcomes were read.
    pub committed: i64,
    /// `true` if outcomes of decided commands may be missing. Then a command without an outcome is
    /// compared with its events.
    pub may_lack_outcomes: bool,
    /// Only decisions about this aggregate are compared.
    pub key: Option<&'l str>,
    /// Returns whether the state of an aggregate is needed, by its id. It is for each command that
    /// is compared, and each deadline.
    pub has: &'l dyn Fn(&[u8]) -> bool,
    /// Returns whether a command without an outcome is one of those to compare, by its time.
    pub is_in_time: &'l dyn Fn(&Record) -> bool,
    /// The schemas of the records.
    pub schemas: Schemas<'l>,
}

/// The schemas with which records are read.
#[derive(Clone, Copy)]
pub struct Schemas<'l> {
    /// The schemas of this program.
    pub own: &'l OwnCodecs,
    /// The registry, for the schemas that wrote the records.
    pub registry: &'l Registry,
    /// The runtime of the registry's client. A comparison blocks its thread.
    pub runtime: &'l Handle,
}

impl Schemas<'_> {
    /// Waits for a decoded record. An error of the second kind is that of the record.
    pub(super) fn decoded<T>(
        self,
        decoding: impl Future<Output = Result<T, decode::Error>>,
    ) -> Result<Result<T, decode::Error>, Error> {
        match self.runtime.block_on(decoding) {
            Err(error) if error.is_transient() => Err(Error::Registry(error)),
            decoded => Ok(decoded),
        }
    }
}

/// Records of which the next can be looked at.
pub(super) struct Ahead<'l, T> {
    source: Records<'l, T>,
    next: Option<T>,
}

impl<'l, T> Ahead<'l, T> {
    pub(super) fn of(source: Records<'l, T>) -> Self {
        Self { source, next: None }
    }

    pub(super) fn peek(&mut self) -> Result<Option<&T>, Error> {
        if self.next.is_none() {
            self.next = self.source.next().transpose().map_err(Error::Read)?;
        }
        Ok(self.next.as_ref())
    }

    pub(super) fn take(&mut self) -> Result<Option<T>, Error> {
        self.peek()?;
        Ok(self.next.take())
    }
}

/// Returns the offset in a position `topic/partition@offset`.
pub(super) fn offset_of(place: &str) -> Option<i64> {
    place.rsplit_once('@')?.1.parse().ok()
}

/// Returns whether a record is about an aggregate; about any, if none is named.
pub(super) fn is_of(record: &Record, key: Option<&str>) -> bool {
    key.is_none_or(|key| record.key.as_deref() == Some(key.as_bytes()))
}
