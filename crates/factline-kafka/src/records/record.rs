//! A consumed record that owns its data: a borrowed one would keep its whole fetch buffer in
//! memory.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::envelope::{Envelope, InvalidEnvelope, parse_instant};
use factline::{Delivery, Timestamp, cancel, id};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use uuid::Uuid;

use crate::records::headers::Headers;
use crate::topics::TopicPartition;

/// One record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Topic, with its prefix.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// Timestamp: on commands topics, the append time of the broker.
    pub timestamp: Timestamp,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// Headers in their order.
    pub headers: Headers,
    /// Bytes of the value; a record without a value is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl Record {
    /// Reads the envelope from the headers.
    pub fn envelope(&self) -> Result<Envelope, InvalidEnvelope> {
        Envelope::from_headers(self.headers.iter())
    }

    /// Returns the operation that the record belongs to, even if its envelope cannot be read. In
    /// that case it is the `ce_operation`, else the `ce_id`, else an id that derives from the
    /// record's position. The handler and the tracker both use this function, so that an unreadable
    /// command ends under one id.
    pub fn operation(&self) -> Uuid {
        let named = |name: &str| {
            let value = self.headers.last(name)?;
            std::str::from_utf8(value).ok()?.parse().ok()
        };
        named("ce_operation")
            .or_else(|| named("ce_id"))
            .unwrap_or_else(|| id::unreadable_command(&self.topic, self.partition, self.offset))
    }

    /// Returns the record's number among those of its sender. A malformed header counts as none: a
    /// record with such a header has no envelope, and is handled as an unreadable one.
    pub fn delivery(&self) -> Option<Delivery> {
        std::str::from_utf8(self.headers.last("ce_delivery")?)
            .ok()?
            .parse()
            .ok()
    }

    /// Returns the time at which the command was accepted, or at which the fact happened to which a
    /// policy reacted. A malformed header counts as none, as with [`delivery`](Self::delivery).
    pub fn origin_time(&self) -> Option<Timestamp> {
        let named = |name: &str| parse_instant(std::str::from_utf8(self.headers.last(name)?).ok()?);
        named("ce_origintime").or_else(|| named("ce_time"))
    }

    /// Returns whether the record is a [cancel], by its type.
    pub fn is_cancel(&self) -> bool {
        self.headers.last("ce_type") == Some(cancel::SCHEMA.name.as_bytes())
    }

    /// Returns the operation that a cancel names. A malformed header counts as none, as with
    /// [`delivery`](Self::delivery).
    pub fn cancels(&self) -> Option<Uuid> {
        std::str::from_utf8(self.headers.last("ce_cancels")?)
            .ok()?
            .parse()
            .ok()
    }

    /// Returns the size of key, headers and value in bytes.
    pub fn size(&self) -> usize {
        let [key, value] = [&self.key, &self.value].map(|bytes| bytes.as_ref().map_or(0, Vec::len));
        key + self.headers.size() + value
    }

    /// Returns the position `topic/partition@offset`, as in error texts and `ce_commandposition`.
    pub fn place(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl Record {
    /// Returns whether the record belongs to this partition.
    pub fn is_of(&self, (topic, partition): &TopicPartition) -> bool {
        self.topic == *topic && self.partition == *partition
    }
}

impl From<&BorrowedMessage<'_>> for Record {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        // The rdkafka crate panics on a header whose name is not UTF-8. Such a record gets no
        // headers, and is then reported as a record without an envelope.
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
