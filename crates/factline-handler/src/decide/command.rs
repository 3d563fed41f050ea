//! Decides one command: reads its record, checks it, and applies the aggregate's rules. Nothing
//! here changes the overlay.

use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, Timestamp};

use crate::decide::aggregate_id::check_id;
use crate::decide::cancel::AcceptedCancel;
use crate::decide::checks::{
    CANCELLED, check_address, check_age, conflict, ending, expiry, no_capacity, reused_key, scope,
};
use crate::decide::decision;
use crate::decide::facts::Decided;
use crate::decide::fault::Fault;
use crate::decide::inputs::Environment;
use crate::decide::origin::CommandContext;
use crate::state::overlay::Overlay;
use factline_kafka::records::record::Record;

/// Decides a command, unless the kit's own checks refuse it, or a cancel of it is given.
pub(crate) fn decide<A: Aggregate>(
    environment: &Environment<'_, A>,
    overlay: &Overlay<'_, A>,
    record: &Record,
    now: Timestamp,
    cancel: Option<AcceptedCancel>,
) -> Result<Decided<A>, Fault> {
    let origin = environment.origin;
    let (mut envelope, command) = match (environment.read)(record) {
        Ok(read) => read,
        Err(error) => return Err(Fault::Unreadable(error)),
    };
    check_address(origin, record, &envelope)?;
    check_id(&command, &envelope.subject)?;
    check_age(overlay, now, &envelope)?;
    let scope = scope(&envelope);
    let reused = reused_key(overlay, &mut envelope, scope);
    // The operation of another request owns the key. So this one ends as refused, also if it was
    // cancelled.
    let cancel = cancel.filter(|_| reused.is_none());
    let refusal = match &cancel {
        Some(_) => Some(ending(State::Cancelled, CANCELLED)),
        None => reused
            .or_else(|| expiry(environment.clock, &envelope))
            .or_else(|| no_capacity(overlay, &envelope))
            .or_else(|| conflict(overlay, &envelope)),
    };
    let context = CommandContext {
        partition: record.partition,
        place: Some(record.place()),
        envelope,
        kind: OutcomeKind::Command,
        now,
    };
    let mut decided = match refusal {
        Some(ending) => {
            let stored = overlay.load(&context.envelope.subject);
            decision::end_without_event(origin, context, stored, ending)?
        }
        None => decision::decide(origin, overlay, context, command)?,
    };
    decided.scope = scope;
    decided.facts.cancel = cancel.map(|cancel| cancel.outcome(origin, overlay, now));
    Ok(decided)
}
