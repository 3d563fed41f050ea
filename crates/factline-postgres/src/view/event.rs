//! Events of records, and calls of a projection's code.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::{Messages, Recorded, panic_message};
use factline_kafka::{Record, Registry, records::decode};

use crate::sink::{Poison, SinkError};

/// Decodes the event of a record. An event that cannot be decoded is poison.
pub(crate) async fn decode<E: Messages>(
    registry: &Registry,
    record: &Record,
) -> Result<Recorded<E>, SinkError> {
    match decode::message(registry, record).await {
        Ok((envelope, event)) => Ok(Recorded { envelope, event }),
        Err(error) if error.is_transient() => Err(SinkError::Unavailable(error.into())),
        Err(error) => Err(Poison::new(record, error).into()),
    }
}

/// Runs the code of a projection. A projection cannot return an error, but its code can have a
/// defect. A panic makes the record poison and does not end the process.
pub(crate) fn caught<T>(record: &Record, code: impl FnOnce() -> T) -> Result<T, Poison> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let text = format!("projection panicked: {}", panic_message(panic.as_ref()));
        Poison::new(record, text)
    })
}
