//! A consumed record, owned: a borrowed one would hold on to its whole fetch buffer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::envelope::{Envelope, InvalidEnvelope};
use factline::{Timestamp, id};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use uuid::Uuid;

use crate::consumer::group::Key;
use crate::records::headers::Headers;

/// One record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Topic, with its prefix.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// The record's timestamp: on commands topics the broker's append time.
    pub timestamp: Timestamp,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// Headers in their order.
    pub headers: Headers,
    /// The value's bytes; none is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl Record {
    /// The envelope in the headers.
    pub fn envelope(&self) -> Result<Envelope, InvalidEnvelope> {
        Envelope::from_headers(self.headers.iter())
    }

    /// The operation that the record belongs to, even where its envelope cannot be read: then its `ce_operation`,
    /// else its `ce_id`, else an id made of where it stands. Handler and tracker both take it from here, so that a
    /// command that nobody can read still ends under one id.
    pub fn operation(&self) -> Uuid {
        let named = |name: &str| {
            let value = self.headers.last(name)?;
            std::str::from_utf8(value).ok()?.parse().ok()
        };
        named("ce_operation")
            .or_else(|| named("ce_id"))
            .unwrap_or_else(|| id::unreadable_command(&self.topic, self.partition, self.offset))
    }

    /// Bytes of key, headers and value.
    pub fn size(&self) -> usize {
        let [key, value] = [&self.key, &self.value].map(|bytes| bytes.as_ref().map_or(0, Vec::len));
        key + self.headers.size() + value
    }

    /// Where the record stands, as error texts and `ce_commandposition` have it: `topic/partition@offset`.
    pub fn place(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl Record {
    /// Whether it stands in this partition.
    pub fn is_of(&self, (topic, partition): &Key) -> bool {
        self.topic == *topic && self.partition == *partition
    }
}

impl From<&BorrowedMessage<'_>> for Record {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        // The crate panics on a header whose name is not UTF-8; such a record has no headers then, which is told of it.
        let headers = catch_unwind(AssertUnwindSafe(|| headers(message))).unwrap_or_default();
        let timestamp = message
            .timestamp()
            .to_millis()
            .and_then(Timestamp::from_timestamp_millis);
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp: timestamp.unwrap_or_default(),
            key: message.key().map(<[u8]>::to_vec),
            headers,
            value: message.payload().map(<[u8]>::to_vec),
        }
    }
}

fn headers(message: &BorrowedMessage<'_>) -> Headers {
    let Some(native) = message.headers() else {
        return Headers::default();
    };
    let mut headers = Headers::with_capacity(native.count());
    for header in native.iter() {
        headers.push(header.key, header.value.unwrap_or_default());
    }
    headers
}
