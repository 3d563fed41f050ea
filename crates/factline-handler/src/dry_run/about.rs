//! A decision as a report names it, whether it is that of a command or of a deadline.

use factline::Timestamp;
use factline::outcome::OutcomeKind;
use factline_kafka::records::decode;
use serde_json::Value;
use uuid::Uuid;

use super::log::{Command, Encoding, Error, Schemas};
use super::recorded::Recorded;
use super::result::DecisionResult;
use super::verdict::{Difference, Reason, Skipped, Verdict};

/// A decision.
pub(super) struct About {
    kind: OutcomeKind,
    command: String,
    key: String,
    pub(super) place: String,
    pub(super) time: Timestamp,
    operation: Uuid,
    actor: String,
    data: Option<Value>,
    /// The outcome was compared too.
    pub(super) has_outcome: bool,
}

impl About {
    /// Describes the decision of a command.
    pub(super) fn command(
        schemas: Schemas<'_>,
        command: &Command,
        place: &str,
        time: Timestamp,
    ) -> Result<Self, Error> {
        let record = &command.record;
        let envelope = record.envelope().ok();
        let known = envelope.as_ref();
        let data = match (&command.encoding, &record.value) {
            (Encoding::Framed, _) => {
                let decoding = decode::json(schemas.registry, record);
                schemas.decoded(decoding)?.ok().map(|(_, data)| data)
            }
            (_, value) => known
                .and_then(|known| schemas.own.command(&known.record))
                .and_then(|codec| codec.decode_json(value.as_deref()?).ok()),
        };
        let key = record.key.as_deref().unwrap_or_default();
        Ok(Self {
            kind: OutcomeKind::Command,
            command: known.map_or("unknown", |known| &known.record).to_owned(),
            key: String::from_utf8_lossy(key).into_owned(),
            place: place.to_owned(),
            time,
            operation: record.operation(),
            actor: known.map_or_else(String::new, |known| known.actor.clone()),
            data,
            has_outcome: true,
        })
    }

    /// Describes the decision of a deadline.
    pub(super) fn deadline(recorded: &Recorded, time: Timestamp) -> Self {
        let outcome = &recorded.outcome;
        Self {
            kind: OutcomeKind::Deadline,
            command: outcome.name.clone(),
            key: recorded.envelope.subject.clone(),
            place: recorded.place.clone(),
            time,
            operation: outcome.operation_id,
            actor: outcome.actor.clone(),
            data: None,
            has_outcome: true,
        }
    }

    /// Returns the verdict. If the results differ, this program has decided twice.
    pub(super) fn verdict(
        self,
        version: u64,
        old: DecisionResult,
        (new, again): (Option<DecisionResult>, Option<DecisionResult>),
        field: Option<String>,
    ) -> Verdict {
        let Some(field) = field else {
            return if self.has_outcome {
                Verdict::Same
            } else {
                Verdict::SameEvents
            };
        };
        if new != again {
            return Verdict::Skipped(Box::new(Skipped {
                reason: Reason::NotDeterministic,
                place: self.place,
                detail: None,
            }));
        }
        Verdict::Differs(Box::new(Difference {
            kind: self.kind,
            command: self.command,
            key: self.key,
            place: self.place,
            time: self.time,
            operation: self.operation,
            actor: self.actor,
            version,
            data: self.data,
            old,
            new,
            field,
        }))
    }
}
