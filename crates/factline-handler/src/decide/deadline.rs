//! A deadline that is due, as a command that the aggregate has sent itself.
//!
//! Its operation derives from the aggregate and the version that set it, so it is decided once; its context is that of
//! the event that set it. What becomes of it is in the outcomes, like that of any command, but that there is no record
//! to keep as a dead letter: one that cannot be decided ends as failed, and so does the workflow that it was to bound.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, Envelope, Messages as _, Outcome, Timestamp, avro};
use uuid::Uuid;

use crate::decide::command::Fault;
use crate::decide::decision::{self, Decided};
use crate::decide::record_factory::{Asked, Outgoing, Wire, outcome_of, source};
use crate::state::aggregate::Stored;
use crate::state::partition::Overlay;
use factline::panic_message;

/// Decides the deadline of an aggregate that has one. Answers the records, none if it was decided before.
pub(crate) fn fire<A: Aggregate>(
    wire: &Wire,
    overlay: &mut Overlay<'_, A>,
    partition: i32,
    subject: &str,
    fault: Option<Fault>,
) -> Result<Vec<Outgoing>, avro::Error> {
    let mut stored = overlay.load(subject);
    let (Some(wake), Some(operation)) = (stored.wake.clone(), stored.deadline(subject)) else {
        return Ok(Vec::new());
    };
    if overlay.is_decided(operation) {
        stored.spend(wake.set);
        overlay.store(subject, stored);
        return Ok(Vec::new());
    }
    let now = overlay.advance(wake.due);
    let unnamed = envelope::<A>(&wake.cause, operation, "unknown", subject, now);
    let attempt = AssertUnwindSafe(|| {
        if let Some(fault) = fault {
            return Err(fault);
        }
        let Some(deadline) = stored.state.deadline() else {
            return Err(Fault::Panic("deadline() does not answer alike".to_owned()));
        };
        let record = deadline.command.record();
        let envelope = Envelope {
            record: record.to_owned(),
            ..unnamed.clone()
        };
        let asked = asked(partition, &envelope);
        decision::decide(wire, overlay, &asked, deadline.command, now).map_err(Fault::from)
    });
    let decided =
        catch_unwind(attempt).unwrap_or_else(|panic| Err(Fault::Panic(panic_message(&*panic))));
    let outgoing = match decided {
        Ok(Decided { outgoing, .. }) => outgoing,
        Err(fault) => failed(wire, overlay, &asked(partition, &unnamed), &fault, now)?,
    };
    overlay.decided(operation);
    Ok(outgoing)
}

fn asked(partition: i32, envelope: &Envelope) -> Asked<'_> {
    Asked {
        partition,
        place: None,
        envelope,
        kind: OutcomeKind::Deadline,
    }
}

/// The envelope of the command that nobody has sent.
fn envelope<A: Aggregate>(
    cause: &Envelope,
    operation: Uuid,
    record: &str,
    subject: &str,
    due: Timestamp,
) -> Envelope {
    Envelope {
        root_operation: Some(cause.root_operation.unwrap_or(cause.operation)),
        parent_operation: Some(cause.operation),
        process_type: cause.process_type.clone(),
        process_id: cause.process_id.clone(),
        correlation: cause.correlation,
        causation: cause.id,
        actor: cause.actor.clone(),
        position: cause.position.clone(),
        traceparent: cause.traceparent.clone(),
        ..Envelope::of_command(operation, record, &source(A::TYPE), subject, due)
    }
}

/// It cannot be decided, now or ever: it is spent, and a workflow that it bounded is over.
fn failed<A: Aggregate>(
    wire: &Wire,
    overlay: &mut Overlay<'_, A>,
    asked: &Asked<'_>,
    fault: &Fault,
    now: Timestamp,
) -> Result<Vec<Outgoing>, avro::Error> {
    let subject = &asked.envelope.subject;
    let mut stored: Stored<A> = overlay.load(subject);
    let (code, reason) = (fault.code().to_owned(), fault.reason());
    tracing::error!(
        aggregate = A::TYPE,
        subject,
        version = stored.version,
        code,
        reason,
        "deadline failed by its own fault"
    );
    let outcome = Outcome {
        code: Some(code.clone()),
        reason: Some(reason.clone()),
        ..outcome_of(asked, State::Failed, now)
    };
    let mut outgoing = vec![wire.outcome(asked, &outcome, now)?];
    if let Some(open) = stored.open.take() {
        let end = (State::Failed, Some(code), Some(reason));
        outgoing.push(decision::end_of_workflow(
            wire, asked, &open, &stored, end, now,
        )?);
    }
    if let Some(set) = stored.wake.as_ref().map(|wake| wake.set) {
        stored.spend(set);
    }
    overlay.store(subject, stored);
    Ok(outgoing)
}
