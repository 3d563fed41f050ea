//! The kit's own checks of a command or a cancel, before any rules: its address, its age, its
//! idempotency key, its time to live, the memory for it, and the version that it expects.
//!
//! To add a check, write it here and call it where commands and cancels are read. A dry run has to
//! know its code, see `dry_run/recorded.rs`.

use chrono::TimeDelta;
use factline::outcome::State;
use factline::{Aggregate, Envelope, Timestamp, cancel};
use uuid::Uuid;

use crate::decide::fault::Fault;
use crate::decide::origin::Origin;
use crate::decide::workflow::Ending;
use crate::state::overlay::Overlay;
use factline_kafka::records::record::Record;
use factline_kafka::topics::partition_of;

/// Code and reason of a command whose idempotency key was used before.
pub(crate) const KEY_REUSED: (&str, &str) = (
    "idempotency_key_reused",
    "another request came with the same idempotency key before",
);

/// Code and reason of a command for a new aggregate for which there is no memory.
pub(crate) const CAPACITY: (&str, &str) = (
    "capacity",
    "the handler has no memory for new aggregates at present",
);

/// Code of a command that expects another version of the aggregate.
pub(crate) const VERSION_CONFLICT: &str = "version_conflict";

/// Code and reason of a command that was cancelled.
pub(crate) const CANCELLED: (&str, &str) = (
    cancel::CANCELLED,
    "the command was cancelled before it was decided",
);

/// Checks that a command is on the partition of its key, and that its key is the aggregate:
/// otherwise its order would have no meaning.
pub(crate) fn check_address(
    origin: &Origin,
    record: &Record,
    envelope: &Envelope,
) -> Result<(), Fault> {
    let subject = &envelope.subject;
    if record.key.as_deref() != Some(subject.as_bytes()) {
        let subject = subject.clone();
        return Err(Fault::Key { subject });
    }
    match partition_of(subject.as_bytes(), origin.partitions) {
        expected if expected == record.partition => Ok(()),
        expected => Err(Fault::Partition {
            subject: subject.clone(),
            expected,
        }),
    }
}

/// Checks that a command is not older than the dedupe window: it may have been decided before, so
/// it must not be decided now. `now` is the time by which operations are forgotten, too.
pub(crate) fn check_age<A: Aggregate>(
    overlay: &Overlay<'_, A>,
    now: Timestamp,
    envelope: &Envelope,
) -> Result<(), Fault> {
    let (age, window) = (now - envelope.origin_time, overlay.window());
    if age > window {
        return Err(Fault::TooOld { age, window });
    }
    Ok(())
}

/// Returns an end with a code and a reason of the kit.
pub(crate) fn ending(state: State, (code, reason): (&str, &str)) -> Ending {
    Ending::new(state, code, reason.to_owned())
}

/// Returns the refusal of a command whose idempotency key another operation has used before.
pub(crate) fn reused_key<A: Aggregate>(
    overlay: &Overlay<'_, A>,
    envelope: &mut Envelope,
    scope: Option<Uuid>,
) -> Option<Ending> {
    let known = overlay.operation_of_scope(scope?)?;
    if known == envelope.operation {
        return None;
    }
    // The outcome does not carry the scope, which belongs to the first operation.
    envelope.idempotency_scope = None;
    envelope.idempotency_fingerprint = None;
    Some(ending(State::Rejected, KEY_REUSED))
}

/// Returns the end of a command that has expired, by the worker's clock.
pub(crate) fn expiry(clock: fn() -> Timestamp, envelope: &Envelope) -> Option<Ending> {
    Some(Ending::new(
        State::TimedOut,
        "timed_out",
        late(envelope, clock)?,
    ))
}

/// Returns the refusal of a command for a new aggregate for which there is no memory.
pub(crate) fn no_capacity<A: Aggregate>(
    overlay: &Overlay<'_, A>,
    envelope: &Envelope,
) -> Option<Ending> {
    let is_new = overlay.version(&envelope.subject) == 0;
    (is_new && overlay.refuses_aggregates()).then(|| ending(State::Rejected, CAPACITY))
}

/// Returns the refusal of a command that expects another version of the aggregate.
pub(crate) fn conflict<A: Aggregate>(
    overlay: &Overlay<'_, A>,
    envelope: &Envelope,
) -> Option<Ending> {
    let (actual, expected) = (
        overlay.version(&envelope.subject),
        envelope.expected_version?,
    );
    (actual != expected).then(|| {
        let reason = format!("version is {actual}, expected was {expected}");
        Ending::new(State::Rejected, VERSION_CONFLICT, reason)
    })
}

/// Returns an idempotency scope in the short form in which it is remembered.
pub(crate) fn scope(envelope: &Envelope) -> Option<Uuid> {
    envelope.idempotency_scope.as_deref().map(short_scope)
}

/// Returns the short form of a scope's text.
pub(crate) fn short_scope(scope: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, scope.as_bytes())
}

/// Returns the reason why a command is too late, by the worker's clock.
fn late(envelope: &Envelope, clock: fn() -> Timestamp) -> Option<String> {
    let limit = TimeDelta::try_milliseconds(envelope.time_to_live_ms?.try_into().ok()?)?;
    let end = envelope.origin_time.checked_add_signed(limit)?;
    (clock() > end).then(|| {
        format!(
            "not decided within {} ms of its origin",
            limit.num_milliseconds()
        )
    })
}
