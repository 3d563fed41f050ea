//! The cancel: a record that asks for the end of an operation.
//!
//! It is a command of the kit's own. Any commands topic may hold it, beside the commands of its
//! aggregate type. Its key is the aggregate of the command to cancel, and its header `ce_cancels`
//! names the operation. The handler decides it in the order of the partition, so that a command is
//! either cancelled or decided, and never both.
//!
//! To give a cancel contents, add a field with a default to its schema.

use uuid::Uuid;

pub use crate::records::Cancel;
use crate::{Envelope, RecordSchema, Timestamp, id};

/// The schema of the record. It is part of Factline and the same for every context.
pub const SCHEMA: RecordSchema = RecordSchema {
    name: "factline.Cancel",
    json: include_str!("../schemas/Cancel.avsc"),
};

/// Code of an operation whose command was cancelled before it was decided.
pub const CANCELLED: &str = "cancelled";

/// Code of a cancel that came after its operation had ended, or that names an operation which is
/// not known to the handler.
pub const TOO_LATE: &str = "too_late";

/// Code of a cancel of a workflow whose process cannot be cancelled in its present state.
pub const NOT_CANCELLABLE: &str = "not_cancellable";

/// Creates the envelope of a cancel. `source` is the kind of process that writes it, and `subject`
/// the aggregate of the command to cancel.
pub fn envelope(operation: Uuid, source: &str, subject: &str, now: Timestamp) -> Envelope {
    Envelope {
        cancels: Some(operation),
        ..Envelope::of_command(id::cancel(operation), SCHEMA.name, source, subject, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::Codec;

    #[test]
    fn cancel_roundtrips_through_avro() {
        let codec = Codec::parse(SCHEMA.json).unwrap();
        let datum = codec.encode(&Cancel {}).unwrap();
        assert!(datum.is_empty());
        assert_eq!(codec.decode::<Cancel>(&datum).unwrap(), Cancel {});
    }

    #[test]
    fn repeated_cancel_is_the_same_operation() {
        let operation = Uuid::from_u128(7);
        let [one, other] = [0, 1].map(|second| envelope(operation, "/test", "p-1", time(second)));
        assert_eq!(
            (one.operation, one.cancels),
            (other.operation, Some(operation))
        );
        assert_ne!(one.operation, operation);
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(second)
    }
}
