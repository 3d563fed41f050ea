//! The envelope: who, when, why and in which order, beside what.
//!
//! On the wire an envelope is a set of record headers in the binary mode of the CloudEvents 1.0 Kafka binding:
//! the attributes of the specification and, as extensions, ours. All values are text. `docs/wire-format.md` holds the table.
//! To add a header: a field here, a line in [`Envelope::to_headers`] and one in [`Envelope::from_headers`]; a
//! reader that does not know it passes it over.

use std::str::FromStr;

use chrono::SecondsFormat;
use uuid::Uuid;

use crate::Timestamp;

/// Who acts when nobody has signed in.
pub const ANONYMOUS: &str = "anonymous";

/// Everything that a record says about itself besides its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `ce_id`: this record. A command's id is its operation's.
    pub id: Uuid,
    /// `ce_type`: full name of the value's record.
    pub record: String,
    /// `ce_source`: the kind of process that made it, as a URI reference.
    pub source: String,
    /// `ce_subject`: the aggregate's id, which is the record's key.
    pub subject: String,
    /// `ce_time`: for a command when the edge made it, for an event the command's time, see [`Timestamp`].
    pub time: Timestamp,
    /// `ce_sequence`: the aggregate's version with this event; the first event makes version 1.
    pub sequence: Option<u64>,
    /// `ce_partitionsequence`: number of the event within its partition; the first is 1.
    pub partition_sequence: Option<u64>,
    /// `ce_operation`: the operation that this record belongs to.
    pub operation: Uuid,
    /// `ce_rootoperation`: the operation that everything began with; none on what belongs to that one itself.
    pub root_operation: Option<Uuid>,
    /// `ce_parentoperation`: the operation to whose fact a policy reacted with this one.
    pub parent_operation: Option<Uuid>,
    /// `ce_processtype`: aggregate type of the process that sent the command, on it and what follows from it.
    pub process_type: Option<String>,
    /// `ce_processid`: id of that process.
    pub process_id: Option<String>,
    /// `ce_opens`: on the event with which a process begins a workflow, the type of the command whose operation stays
    /// open.
    pub opens: Option<String>,
    /// `ce_concludes`: on the event with which a process ends a workflow, the operation that it ends.
    pub concludes: Option<Uuid>,
    /// `ce_correlationid`: common to everything that one request led to.
    pub correlation: Uuid,
    /// `ce_causationid`: the record that led to this one.
    pub causation: Uuid,
    /// `ce_actor`: who asked.
    pub actor: String,
    /// `ce_origintime`: when the edge accepted the command, or when the fact happened that a policy reacted to.
    pub origin_time: Timestamp,
    /// `ce_timetolive`: milliseconds after the origin time at which the command is no longer wanted.
    pub time_to_live_ms: Option<u64>,
    /// `ce_expectedversion`: version that the aggregate must have.
    pub expected_version: Option<u64>,
    /// `ce_idempotencyscope`: caller, route and resource of an idempotency key, and the key.
    pub idempotency_scope: Option<String>,
    /// `ce_idempotencyprint`: fingerprint of the body that came with the key.
    pub idempotency_fingerprint: Option<String>,
    /// `ce_commandposition`: on events and outcomes the command's record, `topic/partition@offset`.
    pub command_position: Option<String>,
    /// `ce_position`: the [`crate::Position`] that the workflow has come to so far.
    pub position: Option<String>,
    /// `ce_traceparent`: W3C trace context.
    pub traceparent: Option<String>,
    /// `ce_retryof`: the operation that this one repeats, when a dead letter was sent again.
    pub retry_of: Option<Uuid>,
}

/// Headers that are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnvelope {
    /// A header that every record must have.
    #[error("header {name} is missing")]
    Missing {
        /// The header.
        name: &'static str,
    },
    /// A header whose value cannot be what it should.
    #[error("header {name} is not {expected}")]
    Malformed {
        /// The header.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl Envelope {
    /// A command's envelope as an edge makes it: the command is its own operation, correlation and cause.
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
            origin_time: now,
            time_to_live_ms: None,
            expected_version: None,
            idempotency_scope: None,
            idempotency_fingerprint: None,
            command_position: None,
            position: None,
            traceparent: None,
            retry_of: None,
        }
    }

    /// The headers, absent fields left out.
    pub fn to_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", self.id.to_string()),
            ("ce_type", self.record.clone()),
            ("ce_source", self.source.clone()),
            ("ce_subject", self.subject.clone()),
            ("ce_time", instant(self.time)),
            ("content-type", "application/avro".to_owned()),
            ("ce_operation", self.operation.to_string()),
            ("ce_correlationid", self.correlation.to_string()),
            ("ce_causationid", self.causation.to_string()),
            ("ce_actor", self.actor.clone()),
            ("ce_origintime", instant(self.origin_time)),
        ];
        let optional = [
            ("ce_sequence", self.sequence.map(|value| value.to_string())),
            (
                "ce_partitionsequence",
                self.partition_sequence.map(|value| value.to_string()),
            ),
            (
                "ce_rootoperation",
                self.root_operation.map(|value| value.to_string()),
            ),
            (
                "ce_parentoperation",
                self.parent_operation.map(|value| value.to_string()),
            ),
            ("ce_processtype", self.process_type.clone()),
            ("ce_processid", self.process_id.clone()),
            ("ce_opens", self.opens.clone()),
            (
                "ce_concludes",
                self.concludes.map(|value| value.to_string()),
            ),
            (
                "ce_timetolive",
                self.time_to_live_ms.map(|value| value.to_string()),
            ),
            (
                "ce_expectedversion",
                self.expected_version.map(|value| value.to_string()),
            ),
            ("ce_idempotencyscope", self.idempotency_scope.clone()),
            ("ce_idempotencyprint", self.idempotency_fingerprint.clone()),
            ("ce_commandposition", self.command_position.clone()),
            ("ce_position", self.position.clone()),
            ("ce_traceparent", self.traceparent.clone()),
            ("ce_retryof", self.retry_of.map(|value| value.to_string())),
        ];
        headers.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| (name, value))),
        );
        headers
    }

    /// Reads headers. A foreign producer of commands needs `ce_id`, `ce_type`, `ce_source`, `ce_subject` and
    /// `ce_time`; what it leaves out takes the value that a first command has.
    pub fn from_headers<'a>(
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, InvalidEnvelope> {
        let headers = Headers(headers.collect());
        let id = headers.required("ce_id", "a UUID")?;
        let time = headers
            .instant("ce_time")?
            .ok_or(InvalidEnvelope::Missing { name: "ce_time" })?;
        let operation = headers.parsed("ce_operation", "a UUID")?.unwrap_or(id);
        Ok(Self {
            id,
            record: headers.required("ce_type", "text")?,
            source: headers.required("ce_source", "text")?,
            subject: headers.required("ce_subject", "text")?,
            time,
            sequence: headers.parsed("ce_sequence", "a whole number")?,
            partition_sequence: headers.parsed("ce_partitionsequence", "a whole number")?,
            operation,
            root_operation: headers.parsed("ce_rootoperation", "a UUID")?,
            parent_operation: headers.parsed("ce_parentoperation", "a UUID")?,
            process_type: headers.parsed("ce_processtype", "text")?,
            process_id: headers.parsed("ce_processid", "text")?,
            opens: headers.parsed("ce_opens", "text")?,
            concludes: headers.parsed("ce_concludes", "a UUID")?,
            correlation: headers
                .parsed("ce_correlationid", "a UUID")?
                .unwrap_or(operation),
            causation: headers.parsed("ce_causationid", "a UUID")?.unwrap_or(id),
            actor: headers
                .parsed("ce_actor", "text")?
                .unwrap_or_else(|| ANONYMOUS.to_owned()),
            origin_time: headers.instant("ce_origintime")?.unwrap_or(time),
            time_to_live_ms: headers.parsed("ce_timetolive", "a whole number")?,
            expected_version: headers.parsed("ce_expectedversion", "a whole number")?,
            idempotency_scope: headers.parsed("ce_idempotencyscope", "text")?,
            idempotency_fingerprint: headers.parsed("ce_idempotencyprint", "text")?,
            command_position: headers.parsed("ce_commandposition", "text")?,
            position: headers.parsed("ce_position", "text")?,
            traceparent: headers.parsed("ce_traceparent", "text")?,
            retry_of: headers.parsed("ce_retryof", "a UUID")?,
        })
    }
}

/// RFC 3339 in UTC with microseconds, the finest that every store here keeps.
fn instant(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Headers by name; of several with one name the last counts.
struct Headers<'a>(Vec<(&'a str, &'a [u8])>);

impl Headers<'_> {
    fn text(&self, name: &'static str) -> Result<Option<&str>, InvalidEnvelope> {
        let Some((_, value)) = self.0.iter().rev().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        std::str::from_utf8(value)
            .map(Some)
            .map_err(|_| InvalidEnvelope::Malformed {
                name,
                expected: "UTF-8",
            })
    }

    fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, InvalidEnvelope> {
        let malformed = InvalidEnvelope::Malformed { name, expected };
        self.text(name)?
            .map(|text| text.parse().map_err(|_| malformed))
            .transpose()
    }

    fn required<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, InvalidEnvelope> {
        self.parsed(name, expected)?
            .ok_or(InvalidEnvelope::Missing { name })
    }

    fn instant(&self, name: &'static str) -> Result<Option<Timestamp>, InvalidEnvelope> {
        let malformed = InvalidEnvelope::Malformed {
            name,
            expected: "an RFC 3339 instant",
        };
        let parse = |text: &str| Timestamp::from_str(text).map_err(|_| malformed);
        self.text(name)?.map(parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Envelope {
        let time = Timestamp::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let mut envelope =
            Envelope::of_command(Uuid::from_u128(1), "catalog.Sell", "/edge", "p-1", time);
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
    fn every_field_survives_the_wire() {
        assert_eq!(read(&full().to_headers()), Ok(full()));
    }

    #[test]
    fn a_foreign_command_needs_five_headers() {
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
    fn a_malformed_header_is_named() {
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
}
