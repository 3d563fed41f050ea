//! The expected result of a cancel that is decided at its own place: that of an open workflow, or
//! one that came too late.

use factline::outcome::{Outcome, State};
use factline::{Aggregate, Context, EventOf, Timestamp, cancel};
use factline_kafka::topics::partition_of;
use serde_json::Value;
use uuid::Uuid;

use super::expected::{Expected, decided};
use super::kept::Kept;
use crate::history::Logged;

/// Code of a command that was cancelled.
pub(super) const CANCELLED: &str = cancel::CANCELLED;

/// Returns whether a record is a cancel.
pub(super) fn is(record: &Logged<Value>) -> bool {
    let envelope = record.envelope.as_ref();
    envelope.is_some_and(|envelope| envelope.record == cancel::SCHEMA.name)
}

/// Returns the operation that a cancel names.
pub(super) fn of(record: &Logged<Value>) -> Option<Uuid> {
    record.envelope.as_ref()?.cancels.filter(|_| is(record))
}

/// Returns the result of a cancel's record.
pub(super) fn expected<A: Aggregate>(
    record: &Logged<Value>,
    partitions: i32,
    kept: &Kept<A>,
    outcome: &Outcome,
    now: Timestamp,
) -> Expected<EventOf<A::Type>> {
    let (Some(envelope), Some(operation)) = (&record.envelope, of(record)) else {
        return Expected::end(State::Failed, "unreadable");
    };
    if record.key.as_deref() != Some(envelope.subject.as_str()) {
        return Expected::end(State::Failed, "wrong_key");
    }
    if partition_of(envelope.subject.as_bytes(), partitions) != record.partition {
        return Expected::end(State::Failed, "wrong_partition");
    }
    if (outcome.state, outcome.code.as_deref()) == (State::Failed, Some("too_old")) {
        return Expected::end(State::Failed, "too_old");
    }
    if kept.open != Some(operation) {
        return Expected::end(State::Rejected, cancel::TOO_LATE);
    }
    match kept.state.cancellation() {
        Some(command) => decided(kept, command, &Context::of_command(envelope, now)),
        None => Expected::end(State::Rejected, cancel::NOT_CANCELLABLE),
    }
}
