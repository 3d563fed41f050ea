//! The headers of a record that verification reads. The whole envelope would cost more than all
//! checks together.

use factline::id;
use factline_kafka::tools::partition_scan::Scanned;
use uuid::Uuid;

/// A record, as far as its headers and its key tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fact<'a> {
    pub(super) offset: i64,
    /// The record's timestamp, in milliseconds since 1970.
    pub(super) time: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) id: Option<&'a [u8]>,
    pub(super) subject: Option<&'a [u8]>,
    pub(super) operation: Option<&'a [u8]>,
    pub(super) sequence: Option<&'a [u8]>,
    pub(super) partition_sequence: Option<&'a [u8]>,
    pub(super) command_position: Option<&'a [u8]>,
    pub(super) concludes: Option<&'a [u8]>,
}

impl<'a> Fact<'a> {
    /// Reads a record. If a name occurs twice, the last value counts.
    pub(super) fn of(scanned: &Scanned<'a>) -> Self {
        let bare = Self {
            offset: scanned.offset(),
            time: scanned.milliseconds(),
            key: scanned.key(),
            ..Self::default()
        };
        let mut fact = bare;
        let is_readable = scanned.each_header(|name, value| {
            let place = match name {
                "ce_id" => &mut fact.id,
                "ce_subject" => &mut fact.subject,
                "ce_operation" => &mut fact.operation,
                "ce_sequence" => &mut fact.sequence,
                "ce_partitionsequence" => &mut fact.partition_sequence,
                "ce_commandposition" => &mut fact.command_position,
                "ce_concludes" => &mut fact.concludes,
                _ => return,
            };
            *place = Some(value);
        });
        if is_readable { fact } else { bare }
    }

    /// Returns the id of the record.
    pub(super) fn id(&self) -> Option<Uuid> {
        uuid(self.id)
    }

    /// Returns the operation of a record that a handler has written.
    pub(super) fn operation(&self) -> Option<Uuid> {
        match self.operation {
            Some(_) => uuid(self.operation),
            None => self.id(),
        }
    }

    /// Returns the operation of a command, as handlers and the tracker derive it.
    pub(super) fn operation_of_command(&self, topic: &str, partition: i32) -> Uuid {
        uuid(self.operation)
            .or_else(|| self.id())
            .unwrap_or_else(|| id::unreadable_command(topic, partition, self.offset))
    }

    /// Returns the operation that an event concludes.
    pub(super) fn concluded(&self) -> Option<Uuid> {
        uuid(self.concludes)
    }

    /// Returns the aggregate's version.
    pub(super) fn version(&self) -> Option<u64> {
        number(self.sequence)
    }

    /// Returns the number within the partition.
    pub(super) fn in_partition(&self) -> Option<u64> {
        number(self.partition_sequence)
    }

    /// Returns the position of the command.
    pub(super) fn place(&self) -> Option<Result<Place<'a>, &'a [u8]>> {
        let bytes = self.command_position?;
        Some(Place::parse(bytes).ok_or(bytes))
    }
}

/// The position of a record, `topic/partition@offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl<'a> Place<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (topic, rest) = std::str::from_utf8(bytes).ok()?.rsplit_once('/')?;
        let (partition, offset) = rest.split_once('@')?;
        Some(Self {
            topic,
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }
}

fn uuid(bytes: Option<&[u8]>) -> Option<Uuid> {
    Uuid::try_parse_ascii(bytes?).ok()
}

fn number(bytes: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(bytes?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_read_from_its_text() {
        let place = Place::parse(b"a.order.commands/3@17").unwrap();
        let expected = ("a.order.commands", 3, 17);
        assert_eq!((place.topic, place.partition, place.offset), expected);
        for other in ["", "a", "a/3", "a/3@", "a/x@1", "/3", "a@1/3"] {
            assert_eq!(Place::parse(other.as_bytes()), None, "{other}");
        }
    }
}
