//! Decides a cancel: a record that asks for the end of an operation.
//!
//! There are two cases. The command of the operation is not decided yet, and the cancel stands
//! behind it in the same [batch](crate::decide::batch): the cancel is accepted, and the command
//! ends as cancelled together with it. Otherwise the cancel is decided at its own place: the
//! process decides it if the operation is its open workflow, and it is too late in all other cases.
//!
//! So no worker has to remember a cancel. Nothing here changes the overlay.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, Outcome, Timestamp, cancel};
use factline_failpoints::{Mutant, mutated};
use uuid::Uuid;

use crate::decide::checks::{self, check_address, check_age};
use crate::decide::decision;
use crate::decide::facts::{Decided, Enveloped};
use crate::decide::fault::Fault;
use crate::decide::inputs::Environment;
use crate::decide::origin::{CommandContext, Origin};
use crate::decide::workflow::{Ending, visible_position};
use crate::state::aggregate::AggregateState;
use crate::state::overlay::Overlay;
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;

/// Reason of a cancel of a process that cannot be cancelled in its present state.
pub(crate) const NOT_CANCELLABLE: &str = "the process cannot be cancelled in its present state";

/// A cancel that can be read.
struct CheckedCancel {
    context: CommandContext,
    /// The operation to cancel.
    operation: Uuid,
    /// Its idempotency scope, in the short form.
    scope: Option<Uuid>,
    /// The refusal by the kit's own checks.
    refusal: Option<Ending>,
}

/// A cancel of a command that is not decided yet. Both end together.
pub(crate) struct AcceptedCancel(CommandContext);

/// Decides a cancel at its own place.
pub(crate) fn decide<A: Aggregate>(
    environment: &Environment<'_, A>,
    overlay: &Overlay<'_, A>,
    record: &Record,
    now: Timestamp,
) -> Result<Decided<A>, Fault> {
    let origin = environment.origin;
    let CheckedCancel {
        context,
        operation,
        scope,
        refusal,
    } = read(environment, overlay, record, now)?;
    let stored = overlay.load(&context.envelope.subject);
    let is_open = is_open(&stored, operation);
    let command = is_open.then(|| stored.state.cancellation()).flatten();
    let mut decided = match (refusal, command) {
        (Some(ending), _) => decision::end_without_event(origin, context, stored, ending)?,
        (None, Some(command)) => decision::decide(origin, overlay, context, command)?,
        (None, None) => {
            let ending = if is_open {
                let reason = NOT_CANCELLABLE.to_owned();
                Ending::new(State::Rejected, cancel::NOT_CANCELLABLE, reason)
            } else if mutated(Mutant::BlindCancel) {
                Ending::completed()
            } else {
                Ending::new(
                    State::Rejected,
                    cancel::TOO_LATE,
                    too_late(overlay, operation),
                )
            };
            decision::end_without_event(origin, context, stored, ending)?
        }
    };
    decided.scope = scope;
    Ok(decided)
}

/// Accepts a cancel of a command that is not decided yet, unless the cancel is refused. `now` is
/// the time at which the cancel would be decided at its own place. An error is not the command's
/// fault: the registry is unavailable.
pub(crate) fn accept<A: Aggregate>(
    environment: &Environment<'_, A>,
    overlay: &Overlay<'_, A>,
    record: &Record,
    now: Timestamp,
) -> Result<Option<AcceptedCancel>, decode::Error> {
    let delivery = record.delivery();
    if overlay.is_decided(record.operation(), delivery.as_ref()) {
        return Ok(None);
    }
    let read = catch_unwind(AssertUnwindSafe(|| read(environment, overlay, record, now)));
    match read {
        Ok(Ok(read)) if read.refusal.is_none() => Ok(Some(AcceptedCancel(read.context))),
        Ok(Err(Fault::Unreadable(error))) if error.is_transient() => Err(error),
        // It ends at its own place, and the command is decided.
        _ => Ok(None),
    }
}

/// Reads a cancel, and applies the checks that every command has to pass. It needs no memory for a
/// new aggregate.
fn read<A: Aggregate>(
    environment: &Environment<'_, A>,
    overlay: &Overlay<'_, A>,
    record: &Record,
    now: Timestamp,
) -> Result<CheckedCancel, Fault> {
    let read = (environment.read_cancel)(record);
    let (mut envelope, operation) = read.map_err(Fault::Unreadable)?;
    check_address(environment.origin, record, &envelope)?;
    check_age(overlay, now, &envelope)?;
    let scope = checks::scope(&envelope);
    let refusal = checks::reused_key(overlay, &mut envelope, scope)
        .or_else(|| checks::expiry(environment.clock, &envelope))
        .or_else(|| checks::conflict(overlay, &envelope));
    Ok(CheckedCancel {
        context: CommandContext {
            partition: record.partition,
            place: Some(record.place()),
            envelope,
            kind: OutcomeKind::Command,
            now,
        },
        operation,
        scope,
        refusal,
    })
}

/// Returns whether an operation is the open workflow of an aggregate.
fn is_open<A>(stored: &AggregateState<A>, operation: Uuid) -> bool {
    let open = stored.open.as_ref();
    open.is_some_and(|open| open.envelope.operation == operation)
}

/// Returns the reason why it is too late to cancel an operation.
fn too_late<A: Aggregate>(overlay: &Overlay<'_, A>, operation: Uuid) -> String {
    if let Some(state) = overlay.end_of(operation) {
        return format!("the operation ended before as {}", state.as_str());
    }
    if overlay.is_decided(operation, None) {
        return "the operation was decided before".to_owned();
    }
    "the operation was decided before, or its command is not in this partition".to_owned()
}

impl AcceptedCancel {
    /// Returns whether the cancel is about an aggregate.
    pub(crate) fn is_about(&self, subject: &[u8]) -> bool {
        self.0.envelope.subject.as_bytes() == subject
    }

    /// Builds the outcome of the cancel, which is decided with its command at the command's time.
    pub(crate) fn outcome<A: Aggregate>(
        self,
        origin: &Origin,
        overlay: &Overlay<'_, A>,
        now: Timestamp,
    ) -> Box<Enveloped<Outcome>> {
        let mut context = CommandContext { now, ..self.0 };
        // Commands between its command and its own place are not decided yet. They would count as
        // repeats if their numbers were settled now.
        if let Some(delivery) = &mut context.envelope.delivery {
            delivery.settled = 0..0;
        }
        let stored = overlay.load(&context.envelope.subject);
        let outcome = Outcome {
            version: stored.known_version(),
            position: visible_position(origin, context.partition, &stored, None),
            ..context.outcome(State::Completed)
        };
        origin.outcome(context, outcome)
    }
}
