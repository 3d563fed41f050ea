//! The envelope: the metadata of a record.
//!
//! On the wire an envelope is a set of record headers in the binary mode of the CloudEvents 1.0
//! Kafka binding: the attributes of the specification and Factline's extensions. All values are
//! text. `docs/wire-format.md` holds the table. To add a header, add a field here, a line in
//! [`Envelope::write_headers`] and its name in [`Envelope::from_headers`]. A reader that does not
//! know a header ignores it. A header whose value a reader assumes anyway is not written: most
//! records belong to a command that nothing else has caused.

use std::fmt::{Display, Write as _};
use std::str::FromStr;

use chrono::{Datelike as _, NaiveDate, SecondsFormat, SubsecRound as _, Timelike as _};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::{Delivery, Roles, Timestamp};

/// Actor of a request that has no authenticated sender.
pub const ANONYMOUS: &str = "anonymous";

/// Everything that a record says about itself besides its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `ce_id`: the id of this record. A command's id is the id of its operation.
    pub id: Uuid,
    /// `ce_type`: full name of the value's record.
    pub record: String,
    /// `ce_source`: the kind of process that wrote the record, as a URI reference.
    pub source: String,
    /// `ce_subject`: the aggregate's id, which is the record's key.
    pub subject: String,
    /// `ce_time`: for a command the time at which the edge made it, for an event the time of the
    /// command. See [`Timestamp`].
    pub time: Timestamp,
    /// `ce_sequence`: the aggregate's version with this event; the first event makes version 1.
    pub sequence: Option<u64>,
    /// `ce_partitionsequence`: number of the event within its partition; the first is 1.
    pub partition_sequence: Option<u64>,
    /// `ce_operation`: the operation that this record belongs to; by default that of `ce_id`.
    pub operation: Uuid,
    /// `ce_rootoperation`: the operation that started the whole chain. It is absent on records of
    /// that operation itself.
    pub root_operation: Option<Uuid>,
    /// `ce_parentoperation`: the operation whose fact caused a policy to send this command.
    pub parent_operation: Option<Uuid>,
    /// `ce_processtype`: aggregate type of the process that sent the command. Present on the
    /// command and on everything that follows from it.
    pub process_type: Option<String>,
    /// `ce_processid`: id of that process.
    pub process_id: Option<String>,
    /// `ce_opens`: the type of the command whose operation stays open. Present on the event with
    /// which a process begins a workflow.
    pub opens: Option<String>,
    /// `ce_concludes`: the operation that ends. Present on the event with which a process ends a
    /// workflow.
    pub concludes: Option<Uuid>,
    /// `ce_correlationid`: an id common to everything that one request caused; by default the
    /// operation.
    pub correlation: Uuid,
    /// `ce_causationid`: the record that caused this one; by default the command of the operation.
    pub causation: Uuid,
    /// `ce_actor`: the sender of the request; by default [`ANONYMOUS`].
    pub actor: String,
    /// `ce_roles`: the roles that the actor had when the edge accepted the command. Only a client's
    /// command has roles.
    pub roles: Roles,
    /// `ce_origintime`: the time at which the edge accepted the command, or at which the fact
    /// happened that a policy reacted to; by default the time.
    pub origin_time: Timestamp,
    /// `ce_timetolive`: milliseconds after the origin time after which the command expires.
    pub time_to_live_ms: Option<u64>,
    /// `ce_expectedversion`: the version that the aggregate must have.
    pub expected_version: Option<u64>,
    /// `ce_idempotencyscope`: caller, route and resource of an idempotency key, and the key.
    pub idempotency_scope: Option<String>,
    /// `ce_idempotencyprint`: fingerprint of the body that came with the key.
    pub idempotency_fingerprint: Option<String>,
    /// `ce_commandposition`: on events and outcomes the position of the command's record,
    /// `topic/partition@offset`.
    pub command_position: Option<String>,
    /// `ce_position`: the [`crate::Position`] that the workflow has reached so far.
    pub position: Option<String>,
    /// `ce_traceparent`: W3C trace context.
    pub traceparent: Option<String>,
    /// `ce_retryof`: the operation that this one repeats, when a dead letter was sent again.
    pub retry_of: Option<Uuid>,
    /// `ce_delivery`: the command's number among those of its sender. Present on a command and its
    /// outcome, if the sender numbers its commands.
    pub delivery: Option<Delivery>,
    /// `ce_cancels`: the operation to cancel. Present on a [cancel](crate::cancel) and on what
    /// follows from it.
    pub cancels: Option<Uuid>,
}

/// Headers that do not form an envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnvelope {
    /// A required header is missing.
    #[error("header {name} is missing")]
    Missing {
        /// The header.
        name: &'static str,
    },
    /// A header's value has the wrong form.
    #[error("header {name} is not {expected}")]
    Malformed {
        /// The header.
        name: &'static str,
        /// The expected form.
        expected: &'static str,
    },
}

impl Envelope {
    /// Creates a command's envelope at an edge: the command is its own operation, correlation and
    /// cause.
    pub fn of_command(
        operation: Uuid,
        record: &str,
        source: &str,
        subject: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            id: operation,
            record: record.to_owned(),
            source: source.to_owned(),
            subject: subject.to_owned(),
            time: now,
            sequence: None,
            partition_sequence: None,
            operation,
            root_operation: None,
            parent_operation: None,
            process_type: None,
            process_id: None,
            opens: None,
            concludes: None,
            correlation: operation,
            causation: operation,
            actor: ANONYMOUS.to_owned(),
            roles: Roles::none(),
            origin_time: now,
            time_to_live_ms: None,
            expected_version: None,
            idempotency_scope: None,
            idempotency_fingerprint: None,
            command_position: None,
            position: None,
            traceparent: None,
            retry_of: None,
            delivery: None,
            cancels: None,
        }
    }

    /// Returns the headers; absent fields and defaults are omitted.
    pub fn to_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::with_capacity(16);
        self.write_headers(|name, value| headers.push((name, value.to_owned())));
        headers
    }

    /// Writes the headers without an allocation for each: a handler writes two records per command.
    pub fn write_headers(&self, mut write: impl FnMut(&'static str, &str)) {
        let mut room = Room::new();
        write("ce_specversion", "1.0");
        write("ce_id", room.id(self.id));
        write("ce_type", &self.record);
        write("ce_source", &self.source);
        write("ce_subject", &self.subject);
        write("ce_time", room.instant(self.time));
        write("content-type", "application/avro");
        if self.operation != self.id {
            write("ce_operation", room.id(self.operation));
        }
        if self.correlation != self.operation {
            write("ce_correlationid", room.id(self.correlation));
        }
        if self.causation != self.operation {
            write("ce_causationid", room.id(self.causation));
        }
        if self.actor != ANONYMOUS {
            write("ce_actor", &self.actor);
        }
        if self.origin_time != self.time {
            write("ce_origintime", room.instant(self.origin_time));
        }
        if !self.roles.is_empty() {
            write("ce_roles", self.roles.as_str());
        }
        if let Some(sequence) = self.sequence {
            write("ce_sequence", room.number(sequence));
        }
        if let Some(sequence) = self.partition_sequence {
            write("ce_partitionsequence", room.number(sequence));
        }
        if let Some(operation) = self.root_operation {
            write("ce_rootoperation", room.id(operation));
        }
        if let Some(operation) = self.parent_operation {
            write("ce_parentoperation", room.id(operation));
        }
        if let Some(process) = &self.process_type {
            write("ce_processtype", process);
        }
        if let Some(process) = &self.process_id {
            write("ce_processid", process);
        }
        if let Some(command) = &self.opens {
            write("ce_opens", command);
        }
        if let Some(operation) = self.concludes {
            write("ce_concludes", room.id(operation));
        }
        if let Some(milliseconds) = self.time_to_live_ms {
            write("ce_timetolive", room.number(milliseconds));
        }
        if let Some(version) = self.expected_version {
            write("ce_expectedversion", room.number(version));
        }
        if let Some(scope) = &self.idempotency_scope {
            write("ce_idempotencyscope", scope);
        }
        if let Some(print) = &self.idempotency_fingerprint {
            write("ce_idempotencyprint", print);
        }
        if let Some(place) = &self.command_position {
            write("ce_commandposition", place);
        }
        if let Some(position) = &self.position {
            write("ce_position", position);
        }
        if let Some(parent) = &self.traceparent {
            write("ce_traceparent", parent);
        }
        if let Some(operation) = self.retry_of {
            write("ce_retryof", room.id(operation));
        }
        if let Some(delivery) = &self.delivery {
            write("ce_delivery", room.text(delivery));
        }
        if let Some(operation) = self.cancels {
            write("ce_cancels", room.id(operation));
        }
    }

    /// Reads headers. A foreign producer of commands needs `ce_id`, `ce_type`, `ce_source`,
    /// `ce_subject` and `ce_time`. Absent headers take the values that a first command has.
    pub fn from_headers<'a>(
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, InvalidEnvelope> {
        let mut found = Headers::default();
        for (name, value) in headers {
            // If a name occurs more than once, the last value counts.
            if let Some(place) = found.place(name) {
                *place = Some(value);
            }
        }
        let id = required("ce_id", found.id, "a UUID")?;
        let time =
            instant("ce_time", found.time)?.ok_or(InvalidEnvelope::Missing { name: "ce_time" })?;
        let operation = uuid("ce_operation", found.operation)?;
        let operation = operation.unwrap_or(id);
        Ok(Self {
            id,
            record: required("ce_type", found.record, "text")?,
            source: required("ce_source", found.source, "text")?,
            subject: required("ce_subject", found.subject, "text")?,
            time,
            sequence: number("ce_sequence", found.sequence)?,
            partition_sequence: number("ce_partitionsequence", found.partition_sequence)?,
            operation,
            root_operation: uuid("ce_rootoperation", found.root_operation)?,
            parent_operation: uuid("ce_parentoperation", found.parent_operation)?,
            process_type: text("ce_processtype", found.process_type)?,
            process_id: text("ce_processid", found.process_id)?,
            opens: text("ce_opens", found.opens)?,
            concludes: uuid("ce_concludes", found.concludes)?,
            correlation: uuid("ce_correlationid", found.correlation)?.unwrap_or(operation),
            causation: uuid("ce_causationid", found.causation)?.unwrap_or(operation),
            actor: text("ce_actor", found.actor)?.unwrap_or_else(|| ANONYMOUS.to_owned()),
            roles: roles(found.roles)?,
            origin_time: instant("ce_origintime", found.origin_time)?.unwrap_or(time),
            time_to_live_ms: number("ce_timetolive", found.time_to_live)?,
            expected_version: number("ce_expectedversion", found.expected_version)?,
            idempotency_scope: text("ce_idempotencyscope", found.idempotency_scope)?,
            idempotency_fingerprint: text("ce_idempotencyprint", found.idempotency_print)?,
            command_position: text("ce_commandposition", found.command_position)?,
            position: text("ce_position", found.position)?,
            traceparent: text("ce_traceparent", found.traceparent)?,
            retry_of: uuid("ce_retryof", found.retry_of)?,
            delivery: delivery(found.delivery)?,
            cancels: uuid("ce_cancels", found.cancels)?,
        })
    }
}

/// Buffer for the text of one value at a time.
struct Room {
    id: [u8; Hyphenated::LENGTH],
    text: String,
}

impl Room {
    fn new() -> Self {
        Self {
            id: [0; Hyphenated::LENGTH],
            text: String::with_capacity(32),
        }
    }

    fn id(&mut self, id: Uuid) -> &str {
        id.hyphenated().encode_lower(&mut self.id)
    }

    fn number(&mut self, number: u64) -> &str {
        self.text(&number)
    }

    fn text(&mut self, value: &impl Display) -> &str {
        self.text.clear();
        // Writing to a `String` does not fail.
        let _ = write!(self.text, "{value}");
        &self.text
    }

    /// RFC 3339 in UTC with microseconds, the finest precision that every store here keeps.
    fn instant(&mut self, time: Timestamp) -> &str {
        self.text.clear();
        match time.year() {
            year @ 0..=9999 if time.nanosecond() < 1_000_000_000 => {
                let text = &mut self.text;
                digits(text, 4, year.cast_unsigned());
                for (mark, number) in [('-', time.month()), ('-', time.day())] {
                    text.push(mark);
                    digits(text, 2, number);
                }
                let clock = [
                    ('T', time.hour()),
                    (':', time.minute()),
                    (':', time.second()),
                ];
                for (mark, number) in clock {
                    text.push(mark);
                    digits(text, 2, number);
                }
                text.push('.');
                digits(text, 6, time.nanosecond() / 1000);
                text.push('Z');
            }
            _ => self.text = time.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
        &self.text
    }
}

/// Appends a number with a fixed number of digits.
fn digits(text: &mut String, count: u32, number: u32) {
    for place in (0..count).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

/// The raw header values by name.
#[derive(Default)]
struct Headers<'a> {
    id: Option<&'a [u8]>,
    record: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    sequence: Option<&'a [u8]>,
    partition_sequence: Option<&'a [u8]>,
    operation: Option<&'a [u8]>,
    root_operation: Option<&'a [u8]>,
    parent_operation: Option<&'a [u8]>,
    process_type: Option<&'a [u8]>,
    process_id: Option<&'a [u8]>,
    opens: Option<&'a [u8]>,
    concludes: Option<&'a [u8]>,
    correlation: Option<&'a [u8]>,
    causation: Option<&'a [u8]>,
    actor: Option<&'a [u8]>,
    roles: Option<&'a [u8]>,
    origin_time: Option<&'a [u8]>,
    time_to_live: Option<&'a [u8]>,
    expected_version: Option<&'a [u8]>,
    idempotency_scope: Option<&'a [u8]>,
    idempotency_print: Option<&'a [u8]>,
    command_position: Option<&'a [u8]>,
    position: Option<&'a [u8]>,
    traceparent: Option<&'a [u8]>,
    retry_of: Option<&'a [u8]>,
    delivery: Option<&'a [u8]>,
    cancels: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    /// Returns the slot for a header's value; none if the header is not part of the envelope.
    fn place(&mut self, name: &str) -> Option<&mut Option<&'a [u8]>> {
        Some(match name {
            "ce_id" => &mut self.id,
            "ce_type" => &mut self.record,
            "ce_source" => &mut self.source,
            "ce_subject" => &mut self.subject,
            "ce_time" => &mut self.time,
            "ce_sequence" => &mut self.sequence,
            "ce_partitionsequence" => &mut self.partition_sequence,
            "ce_operation" => &mut self.operation,
            "ce_rootoperation" => &mut self.root_operation,
            "ce_parentoperation" => &mut self.parent_operation,
            "ce_processtype" => &mut self.process_type,
            "ce_processid" => &mut self.process_id,
            "ce_opens" => &mut self.opens,
            "ce_concludes" => &mut self.concludes,
            "ce_correlationid" => &mut self.correlation,
            "ce_causationid" => &mut self.causation,
            "ce_actor" => &mut self.actor,
            "ce_roles" => &mut self.roles,
            "ce_origintime" => &mut self.origin_time,
            "ce_timetolive" => &mut self.time_to_live,
            "ce_expectedversion" => &mut self.expected_version,
            "ce_idempotencyscope" => &mut self.idempotency_scope,
            "ce_idempotencyprint" => &mut self.idempotency_print,
            "ce_commandposition" => &mut self.command_position,
            "ce_position" => &mut self.position,
            "ce_traceparent" => &mut self.traceparent,
            "ce_retryof" => &mut self.retry_of,
            "ce_delivery" => &mut self.delivery,
            "ce_cancels" => &mut self.cancels,
            _ => return None,
        })
    }
}

fn parsed<T>(
    name: &'static str,
    value: Option<&[u8]>,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, InvalidEnvelope> {
    let Some(value) = value else {
        return Ok(None);
    };
    let malformed = |expected| InvalidEnvelope::Malformed { name, expected };
    let text = std::str::from_utf8(value).map_err(|_| malformed("UTF-8"))?;
    parse(text).map(Some).ok_or_else(|| malformed(expected))
}

fn required<T: FromStr>(
    name: &'static str,
    value: Option<&[u8]>,
    expected: &'static str,
) -> Result<T, InvalidEnvelope> {
    parsed(name, value, expected, |text| text.parse().ok())?
        .ok_or(InvalidEnvelope::Missing { name })
}

fn text(name: &'static str, value: Option<&[u8]>) -> Result<Option<String>, InvalidEnvelope> {
    parsed(name, value, "text", |text| Some(text.to_owned()))
}

fn roles(value: Option<&[u8]>) -> Result<Roles, InvalidEnvelope> {
    let known = parsed("ce_roles", value, "names separated by spaces", |text| {
        text.parse().ok()
    })?;
    Ok(known.unwrap_or_default())
}

fn uuid(name: &'static str, value: Option<&[u8]>) -> Result<Option<Uuid>, InvalidEnvelope> {
    parsed(name, value, "a UUID", |text| text.parse().ok())
}

fn number(name: &'static str, value: Option<&[u8]>) -> Result<Option<u64>, InvalidEnvelope> {
    parsed(name, value, "a whole number", |text| text.parse().ok())
}

fn delivery(value: Option<&[u8]>) -> Result<Option<Delivery>, InvalidEnvelope> {
    let expected = "a number, a range of numbers and a sender";
    parsed("ce_delivery", value, expected, |text| text.parse().ok())
}

fn instant(name: &'static str, value: Option<&[u8]>) -> Result<Option<Timestamp>, InvalidEnvelope> {
    parsed(name, value, "an RFC 3339 instant", parse_instant)
}

/// The years that a header can have: fewer than the type has, so that the sum of an instant and a
/// duration is a valid time.
const YEARS: std::ops::RangeInclusive<i32> = -100_000..=100_000;

/// Parses the value of a header that is an instant. Like those in the log, it has microseconds.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    as_written(text).or_else(|| {
        let time: Timestamp = text.parse().ok()?;
        let time = time.trunc_subsecs(6);
        YEARS.contains(&time.year()).then_some(time)
    })
}

/// Parses the form that [`Room::instant`] writes. Any other form is left to the library, which
/// takes ten times as long.
fn as_written(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 27] = text.as_bytes().try_into().ok()?;
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (26, b'Z'),
    ];
    if marks.iter().any(|(place, mark)| bytes[*place] != *mark) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0, |number: u32, byte| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            Some(number * 10 + u32::from(digit))
        })
    };
    let year = number(0..4)?.cast_signed();
    NaiveDate::from_ymd_opt(year, number(5..7)?, number(8..10)?)?
        .and_hms_micro_opt(
            number(11..13)?,
            number(14..16)?,
            number(17..19)?,
            number(20..26)?,
        )
        .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal() -> Envelope {
        let time = Timestamp::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        Envelope::of_command(Uuid::from_u128(1), "catalog.Sell", "/edge", "p-1", time)
    }

    fn full() -> Envelope {
        let mut envelope = minimal();
        envelope.operation = Uuid::from_u128(7);
        envelope.correlation = Uuid::from_u128(8);
        envelope.causation = Uuid::from_u128(9);
        envelope.actor = "ada".into();
        envelope.origin_time -= chrono::TimeDelta::microseconds(1);
        envelope.roles = Roles::of(["admin", "clerk"]).unwrap();
        envelope.sequence = Some(4);
        envelope.partition_sequence = Some(90);
        envelope.root_operation = Some(Uuid::from_u128(2));
        envelope.parent_operation = Some(Uuid::from_u128(4));
        envelope.opens = Some("sales.Begin".into());
        envelope.concludes = Some(Uuid::from_u128(5));
        envelope.process_type = Some("sales.sale".into());
        envelope.process_id = Some("s-9".into());
        envelope.time_to_live_ms = Some(1500);
        envelope.expected_version = Some(3);
        envelope.idempotency_scope = Some("scope".into());
        envelope.idempotency_fingerprint = Some("print".into());
        envelope.command_position = Some("catalog.product.commands/3@17".into());
        envelope.position = Some("1abc".into());
        envelope.traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        envelope.retry_of = Some(Uuid::from_u128(3));
        envelope.delivery = "17 3-12 /policies/sell".parse().ok();
        envelope.cancels = Some(Uuid::from_u128(6));
        envelope
    }

    fn read(headers: &[(&'static str, String)]) -> Result<Envelope, InvalidEnvelope> {
        Envelope::from_headers(
            headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes())),
        )
    }

    #[test]
    fn envelope_roundtrips_through_headers() {
        assert_eq!(read(&full().to_headers()), Ok(full()));
    }

    /// The attributes of CloudEvents, which any reader may need, are always there.
    #[test]
    fn values_that_a_reader_assumes_are_not_written() {
        let headers = minimal().to_headers();
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let needed = [
            "ce_specversion",
            "ce_id",
            "ce_type",
            "ce_source",
            "ce_subject",
            "ce_time",
            "content-type",
        ];
        assert_eq!(names, needed);
        assert_eq!(read(&headers), Ok(minimal()));
        // An event of that command.
        let mut event = minimal();
        event.id = Uuid::from_u128(2);
        let headers = event.to_headers();
        assert_eq!(headers.len(), needed.len() + 1);
        assert_eq!(read(&headers), Ok(event));
    }

    #[test]
    fn foreign_command_needs_five_headers() {
        let needed = ["ce_id", "ce_type", "ce_source", "ce_subject", "ce_time"];
        let mut headers = full().to_headers();
        headers.retain(|(name, _)| needed.contains(name));
        assert!(read(&headers).is_ok());
        for name in needed {
            let mut fewer = headers.clone();
            fewer.retain(|(known, _)| *known != name);
            assert_eq!(read(&fewer), Err(InvalidEnvelope::Missing { name }));
        }
    }

    #[test]
    fn malformed_header_is_named_in_the_error() {
        let mut headers = full().to_headers();
        headers.push(("ce_sequence", "four".to_owned()));
        assert_eq!(
            read(&headers),
            Err(InvalidEnvelope::Malformed {
                name: "ce_sequence",
                expected: "a whole number"
            })
        );
    }

    /// Otherwise a time limit after such an instant would be no valid time.
    #[test]
    fn instant_at_the_end_of_the_calendar_is_malformed() {
        let mut headers = full().to_headers();
        headers.push(("ce_origintime", "+262142-12-31T23:59:59Z".to_owned()));
        assert_eq!(
            read(&headers),
            Err(InvalidEnvelope::Malformed {
                name: "ce_origintime",
                expected: "an RFC 3339 instant"
            })
        );
    }

    /// Otherwise what a handler writes would differ from what it has read.
    #[test]
    fn instant_has_microseconds() {
        let mut headers = full().to_headers();
        headers.push(("ce_time", "2026-11-25T03:14:01.123456789Z".to_owned()));
        let envelope = read(&headers).unwrap();
        assert_eq!(read(&envelope.to_headers()), Ok(envelope));
    }

    /// Records that are older than the header have none.
    #[test]
    fn absent_roles_are_none() {
        let mut headers = full().to_headers();
        assert!(headers.contains(&("ce_roles", "admin clerk".to_owned())));
        headers.retain(|(name, _)| *name != "ce_roles");
        assert_eq!(read(&headers).map(|read| read.roles), Ok(Roles::none()));
        headers.push(("ce_roles", "admin\u{a0}clerk".to_owned()));
        assert_eq!(
            read(&headers),
            Err(InvalidEnvelope::Malformed {
                name: "ce_roles",
                expected: "names separated by spaces"
            })
        );
    }

    /// The bytes that the library writes and reads are the form that is already in the log.
    #[test]
    fn instants_match_the_library_format() {
        let days = (-800_000..3_000_000).step_by(9_973);
        for time in days.map(|day| Timestamp::UNIX_EPOCH + chrono::TimeDelta::days(day)) {
            for micros in [0, 1, 86_399_999_999, 45_296_123_456] {
                let time = time + chrono::TimeDelta::microseconds(micros);
                let text = time.to_rfc3339_opts(SecondsFormat::Micros, true);
                assert_eq!(Room::new().instant(time), text);
                let known = instant("ce_time", Some(text.as_bytes()));
                assert_eq!(known, Ok(Some(time)), "{text}");
            }
        }
        let others = [
            "2026-11-25T03:14:01Z",
            "2026-11-25T03:14:01.5+02:00",
            "2026-11-25t03:14:01.123456z",
        ];
        for text in others {
            let known = instant("ce_time", Some(text.as_bytes()));
            assert_eq!(known.ok().flatten(), text.parse().ok(), "{text}");
        }
        for text in [
            "2026-02-30T00:00:00.000000Z",
            "2026-02-03T24:00:00.000000Z",
            "2026-02-03T00:00:00.00000xZ",
        ] {
            assert!(instant("ce_time", Some(text.as_bytes())).is_err(), "{text}");
        }
    }
}
