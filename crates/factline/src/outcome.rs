//! The result of a command: the record that ends every operation.

use uuid::Uuid;

pub use crate::records::{OperationState as State, Outcome, OutcomeKind};
use crate::{RecordSchema, Timestamp};

/// The schema of the outcome record. It is part of Factline and the same for every context.
pub const SCHEMA: RecordSchema = RecordSchema {
    name: "factline.Outcome",
    json: include_str!("../schemas/Outcome.avsc"),
};

impl State {
    /// Returns true if no other state follows.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Unknown | Self::Pending | Self::Running)
    }

    /// Returns the form used on the wire and in API responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

impl OutcomeKind {
    /// Returns the form used on the wire and in API responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Command => "command",
            Self::Deadline => "deadline",
        }
    }
}

impl Outcome {
    /// Creates an outcome of a command of this name; its other fields are empty.
    pub fn of_command(
        operation_id: Uuid,
        name: impl Into<String>,
        state: State,
        decided_at: Timestamp,
    ) -> Self {
        Self {
            operation_id,
            kind: OutcomeKind::Command,
            name: name.into(),
            state,
            code: None,
            reason: None,
            resource: None,
            actor: crate::envelope::ANONYMOUS.to_owned(),
            version: None,
            position: None,
            parent: None,
            retry_of: None,
            created_at: decided_at.timestamp_micros(),
            decided_at: decided_at.timestamp_micros(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::Codec;

    #[test]
    fn outcome_roundtrips_through_avro() {
        let codec = Codec::parse(SCHEMA.json).unwrap();
        let outcome = Outcome {
            code: Some("sold_out".into()),
            reason: Some("none left".into()),
            resource: Some("p-1".into()),
            version: Some(3),
            position: Some("1abc".into()),
            parent: Some(Uuid::from_u128(7)),
            ..Outcome::of_command(
                Uuid::from_u128(1),
                "catalog.Sell",
                State::TimedOut,
                Timestamp::UNIX_EPOCH,
            )
        };
        let datum = codec.encode(&outcome).unwrap();
        assert_eq!(codec.decode::<Outcome>(&datum).unwrap(), outcome);
        let json = codec.decode_json(&datum).unwrap();
        assert_eq!(
            (&json["state"], &json["version"]),
            (&"timed_out".into(), &3.into())
        );
    }
}
