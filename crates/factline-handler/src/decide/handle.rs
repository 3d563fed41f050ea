//! Handles one command, cancel or due deadline: decides it, encodes the facts, and changes the
//! overlay. If it cannot be decided or its facts cannot be encoded, it fails alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use factline::outcome::OutcomeKind;
use factline::{Aggregate, EventOf, Timestamp, avro, panic_message};
use uuid::Uuid;

use crate::decide::cancel::{self, AcceptedCancel};
use crate::decide::checks;
use crate::decide::command;
use crate::decide::deadline::DueDeadline;
use crate::decide::encode::{Encoder, Outgoing, Unwritable};
use crate::decide::facts::{Decided, Facts};
use crate::decide::failure;
use crate::decide::fault::Fault;
use crate::decide::inputs::Environment;
use crate::state::aggregates::ReadError;
use crate::state::overlay::Overlay;
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;

/// Reads what is on disk and may be needed to handle a command.
pub(crate) fn fetch<A: Aggregate>(
    overlay: &mut Overlay<'_, A>,
    record: &Record,
) -> Result<(), ReadError> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let scope = record.headers.last("ce_idempotencyscope").and_then(text);
    // Lazy: usually nothing is on disk.
    let ids = std::iter::once_with(|| record.operation());
    let ids = ids.chain(scope.into_iter().map(checks::short_scope));
    let ids = ids.chain(std::iter::once_with(|| record.cancels()).flatten());
    overlay.fetch(record.key.as_deref().and_then(text), ids)
}

/// A command or a cancel to handle.
pub(crate) struct CommandInput<'r> {
    pub(crate) record: &'r Record,
    pub(crate) time: Timestamp,
    /// The fault that the broker has found.
    pub(crate) fault: Option<Fault>,
    /// The cancel of the command.
    pub(crate) cancel: Option<AcceptedCancel>,
}

/// Handles a record whose decision was made before. It makes nothing visible.
pub(crate) fn repeat<A: Aggregate>(overlay: &mut Overlay<'_, A>, record: &Record, time: Timestamp) {
    overlay.advance(time);
    overlay.handled(record.offset);
}

/// Handles one command or cancel of a time, and appends its records. An error is not the command's
/// fault: the registry is unavailable.
pub(crate) fn command<A: Aggregate>(
    environment: &Environment<'_, A>,
    overlay: &mut Overlay<'_, A>,
    input: CommandInput<'_>,
    records: &mut Vec<Outgoing>,
) -> Result<Facts<EventOf<A::Type>>, decode::Error> {
    let CommandInput {
        record,
        time,
        fault,
        cancel,
    } = input;
    let (operation, delivery) = (record.operation(), record.delivery());
    if overlay.is_decided(operation, delivery.as_ref()) {
        repeat(overlay, record, time);
        return Ok(Facts::none(record.partition, OutcomeKind::Command));
    }
    let now = overlay.advance(time);
    let attempted = attempt(environment.encoder, records, || match fault {
        Some(fault) => Err(fault),
        None if record.is_cancel() => cancel::decide(environment, overlay, record, now),
        None => command::decide(environment, overlay, record, now, cancel),
    });
    let decided = match attempted {
        Ok(decided) => decided,
        Err(Fault::Unreadable(error)) if error.is_transient() => return Err(error),
        Err(fault) => fail_command(environment, record, &fault, now, records)?,
    };
    let outcome = decided.facts.outcome.as_ref();
    let end = outcome.map_or_else(Uuid::nil, |outcome| outcome.envelope.id);
    overlay.decided(operation, delivery.as_ref(), end);
    overlay.handled(record.offset);
    Ok(change(overlay, decided))
}

/// Handles a deadline that is due, and appends its records. There are none if it was decided
/// before.
pub(crate) fn deadline<A: Aggregate>(
    environment: &Environment<'_, A>,
    overlay: &mut Overlay<'_, A>,
    partition: i32,
    subject: &Arc<str>,
    fault: Option<Fault>,
    records: &mut Vec<Outgoing>,
) -> Result<Facts<EventOf<A::Type>>, avro::Error> {
    let (origin, encoder) = (environment.origin, environment.encoder);
    let stored = overlay.load(subject);
    let nothing = Facts::none(partition, OutcomeKind::Deadline);
    let (Some(wake), Some(operation)) = (stored.wake.clone(), stored.deadline(subject)) else {
        return Ok(nothing);
    };
    let due = DueDeadline {
        partition,
        subject,
        stored: &stored,
        wake: &wake,
        operation,
        now: overlay.advance(wake.due),
        clock: (environment.clock)(),
    };
    let attempted = attempt(encoder, records, || match fault {
        Some(fault) => Err(fault),
        None => due.decide(origin, overlay),
    });
    let decided = match attempted {
        Ok(decided) => decided,
        Err(fault) => {
            let failed = due.fail(origin, &fault);
            encoder.append(&failed.facts, records)?;
            failed
        }
    };
    Ok(change(overlay, decided))
}

/// Decides, and appends the records of the facts. A panic, in the domain or in a library, is a
/// fault of the command or deadline that causes it.
fn attempt<A: Aggregate>(
    encoder: &Encoder,
    records: &mut Vec<Outgoing>,
    decide: impl FnOnce() -> Result<Decided<A>, Fault>,
) -> Result<Decided<A>, Fault> {
    let begin = records.len();
    let attempted = catch_unwind(AssertUnwindSafe(|| {
        let decided = decide()?;
        encoder.append_fitting(&decided.facts, records)?;
        Ok(decided)
    }));
    attempted.unwrap_or_else(|panic| {
        records.truncate(begin);
        Err(Fault::Panic(panic_message(&*panic)))
    })
}

/// Fails a command, and appends its dead letter and its outcome. The kit defines the outcome's
/// schema, so its encoding does not fail on data.
fn fail_command<A: Aggregate>(
    environment: &Environment<'_, A>,
    record: &Record,
    fault: &Fault,
    now: Timestamp,
    records: &mut Vec<Outgoing>,
) -> Result<Decided<A>, avro::Error> {
    let (origin, encoder) = (environment.origin, environment.encoder);
    let failed = failure::of_command(origin, record, fault, now);
    match encoder.append_fitting(&failed.facts, records) {
        Ok(()) => Ok(failed),
        Err(Unwritable::Encoding(error)) => Err(error),
        Err(Unwritable::TooLarge) => {
            let bare = failure::without_data(origin, failed);
            encoder.append(&bare.facts, records)?;
            Ok(bare)
        }
    }
}

/// Changes the overlay as decided, and returns the facts.
fn change<A: Aggregate>(
    overlay: &mut Overlay<'_, A>,
    decided: Decided<A>,
) -> Facts<EventOf<A::Type>> {
    let operation = decided.facts.outcome.as_ref();
    let operation = operation.map(|outcome| outcome.value.operation_id);
    // A recovery reads the same from the outcome.
    if let (Some(scope), Some(operation)) = (decided.scope, operation) {
        overlay.add_scope(scope, operation);
    }
    if let Some(cancel) = &decided.facts.cancel {
        let envelope = &cancel.envelope;
        overlay.decided(envelope.operation, envelope.delivery.as_ref(), envelope.id);
        if let Some(scope) = checks::scope(envelope) {
            overlay.add_scope(scope, envelope.operation);
        }
    }
    if let Some((subject, next)) = decided.next {
        overlay.store(subject, next);
    }
    decided.facts
}
