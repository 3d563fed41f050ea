//! From a command, whoever asked for it, to events, outcomes and a changed aggregate in the overlay.
//!
//! A command from the log and a deadline that is due are decided here alike; what differs comes before. Nothing here
//! talks to a broker.

use std::sync::Arc;

use factline::aggregate::Workflow;
use factline::outcome::{OutcomeKind, State};
use factline::{
    Aggregate, Conclusion, Envelope, Messages as _, Outcome, Position, Rejection as _, Timestamp,
    avro,
};

use crate::decide::record_factory::{Asked, Outgoing, Wire, outcome_of};
use crate::state::aggregate::{Open, Stored, position};
use crate::state::partition::Overlay;

/// Records above this are failed here; what the broker refuses below it is found when it refuses.
const LARGEST: usize = 2_000_000;

/// Points in a position that grows along a workflow. Beyond it, what was touched first is left out: a reader may then
/// wait for less than the whole workflow.
const MOST_POINTS: usize = 64;

/// Why what the domain decided cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Impossible {
    #[error("result cannot be written: {}", factline::error_chain(.0))]
    Unwritable(#[from] avro::Error),
    #[error("a record that the command leads to is too large")]
    TooLarge,
    #[error("a workflow begins without an event")]
    BeginsInSilence,
    #[error("a workflow begins while operation {0} of this process is open")]
    BeginsTwice(uuid::Uuid),
    #[error("a workflow ends without an event")]
    EndsInSilence,
    #[error("a workflow is open, and its process has no deadline to end it")]
    Unbounded,
}

/// What was decided: the records, and how the command's own operation ended.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) state: State,
    pub(crate) outgoing: Vec<Outgoing>,
}

/// Decides a command and changes the overlay, unless the result cannot be written.
pub(crate) fn decide<A: Aggregate>(
    wire: &Wire,
    overlay: &mut Overlay<'_, A>,
    asked: &Asked<'_>,
    command: A::Command,
    now: Timestamp,
) -> Result<Decided, Impossible> {
    let before = overlay.load(&asked.envelope.subject);
    let (open, version_before) = (before.open.clone(), before.version);
    let (own, of_workflow);
    let asked = if let Some(open) = &open {
        own = belonging(open, asked.envelope);
        of_workflow = Asked {
            place: asked.place.clone(),
            envelope: &own,
            ..*asked
        };
        &of_workflow
    } else {
        asked
    };
    let subject = &asked.envelope.subject;
    let set = before.wake.as_ref().map(|wake| wake.set);
    let decision = match before.state.decide(command, now) {
        Ok(decision) => decision,
        Err(rejection) => {
            let refusal = (rejection.code().to_owned(), rejection.to_string());
            return refused(wire, overlay, (asked, before), refusal, now);
        }
    };
    let workflow = decision.workflow().cloned();
    let events = decision.into_events();
    let did = (events.as_slice(), workflow.as_ref());
    let (mut after, mut outgoing) = happened(wire, overlay, asked, before, did, now)?;
    let (state, conclusion) = match &workflow {
        Some(Workflow::Begins) => (State::Running, None),
        Some(Workflow::Ends(conclusion)) => (State::Completed, Some(conclusion)),
        None => (State::Completed, None),
    };
    if asked.kind == OutcomeKind::Deadline
        && let Some(set) = set
    {
        after.spend(set);
    }
    if after.open.is_some() && after.due().is_none() {
        return Err(Impossible::Unbounded);
    }
    let outcome = Outcome {
        version: version(&after),
        position: seen(wire, asked, &after, after.open.as_deref()),
        ..outcome_of(asked, state, now)
    };
    outgoing.push(wire.outcome(asked, &outcome, now)?);
    if let (Some(conclusion), Some(open)) = (conclusion, &open) {
        outgoing.push(concluded(wire, asked, open, &after, conclusion, now)?);
    }
    if !outgoing.iter().all(fits) {
        return Err(Impossible::TooLarge);
    }
    if after.version > version_before || asked.kind == OutcomeKind::Deadline {
        overlay.store(subject, after);
    }
    Ok(Decided { state, outgoing })
}

/// The domain, or a rule of the kit about the command itself, refuses.
pub(crate) fn refused<A: Aggregate>(
    wire: &Wire,
    overlay: &mut Overlay<'_, A>,
    of: (&Asked<'_>, Stored<A>),
    (code, reason): (String, String),
    now: Timestamp,
) -> Result<Decided, Impossible> {
    ended(wire, overlay, of, (State::Rejected, code, reason), now)
}

/// The command comes to its end without an event; the aggregate is as it was loaded.
pub(crate) fn ended<A: Aggregate>(
    wire: &Wire,
    overlay: &mut Overlay<'_, A>,
    (asked, mut stored): (&Asked<'_>, Stored<A>),
    (state, code, reason): (State, String, String),
    now: Timestamp,
) -> Result<Decided, Impossible> {
    let subject = &asked.envelope.subject;
    let outcome = Outcome {
        code: Some(code),
        reason: Some(reason),
        version: version(&stored),
        position: seen(wire, asked, &stored, None),
        ..outcome_of(asked, state, now)
    };
    let outgoing = vec![wire.outcome(asked, &outcome, now)?];
    if !outgoing.iter().all(fits) {
        return Err(Impossible::TooLarge);
    }
    if asked.kind == OutcomeKind::Deadline
        && let Some(set) = stored.wake.as_ref().map(|wake| wake.set)
    {
        stored.spend(set);
        if stored.open.is_some() {
            return Err(Impossible::Unbounded);
        }
        overlay.store(subject, stored);
    }
    Ok(Decided { state, outgoing })
}

/// The aggregate after the decision's events, and their records.
fn happened<A: Aggregate>(
    wire: &Wire,
    overlay: &Overlay<'_, A>,
    asked: &Asked<'_>,
    before: Stored<A>,
    (events, workflow): (&[A::Event], Option<&Workflow>),
    now: Timestamp,
) -> Result<(Stored<A>, Vec<Outgoing>), Impossible> {
    let (begins, ends) = match (workflow, &before.open) {
        (None, _) => (false, None),
        (Some(Workflow::Begins), None) if !events.is_empty() => (true, None),
        (Some(Workflow::Begins), None) => return Err(Impossible::BeginsInSilence),
        (Some(Workflow::Begins), Some(open)) => {
            return Err(Impossible::BeginsTwice(open.envelope.operation));
        }
        (Some(Workflow::Ends(_)), Some(_)) if events.is_empty() => {
            return Err(Impossible::EndsInSilence);
        }
        (Some(Workflow::Ends(_)), Some(open)) => (false, Some(open.envelope.operation)),
        // A deadline that could not be decided has ended it already, which the aggregate does not know.
        (Some(Workflow::Ends(_)), None) => {
            tracing::warn!(
                subject = asked.envelope.subject,
                "a workflow ends that is not open"
            );
            (false, None)
        }
    };
    let carried = carried(before.open.as_deref(), asked.envelope);
    let version_before = before.version;
    let mut after = before;
    let mut outgoing = Vec::with_capacity(events.len() + 2);
    for (index, event) in events.iter().enumerate() {
        let number = index as u64 + 1;
        let (version, sequence) = (version_before + number, overlay.sequence() + number);
        let mut envelope = wire.event_envelope(asked, event.record(), version, sequence, now);
        envelope.position.clone_from(&carried);
        if begins && index == 0 {
            envelope.opens = Some(asked.envelope.record.clone());
        }
        if index + 1 == events.len() {
            envelope.concludes = ends;
        }
        outgoing.push(wire.event(asked, &envelope, event, now)?);
        after = after.take(event, &envelope);
    }
    Ok((after, outgoing))
}

/// What a process does while its workflow is open belongs to that, whoever has asked for it: a stranger who answers the
/// process, a webhook say, begins nothing of his own.
fn belonging(open: &Open, envelope: &Envelope) -> Envelope {
    let begun = &open.envelope;
    Envelope {
        root_operation: Some(begun.root_operation.unwrap_or(begun.operation)),
        correlation: begun.correlation,
        ..envelope.clone()
    }
}

/// The position that goes on to what follows.
fn carried(open: Option<&Open>, envelope: &Envelope) -> Option<String> {
    let Some(open) = open else {
        return envelope.position.clone();
    };
    let whole = come_to(open, envelope);
    (!whole.points().is_empty()).then(|| whole.to_string())
}

/// What a workflow has come to with what this command brings.
fn come_to(open: &Open, envelope: &Envelope) -> Position {
    let mut whole = open.position.clone();
    if let Some(brought) = position(envelope) {
        whole.merge(&brought);
    }
    whole.keep_last(MOST_POINTS);
    whole
}

/// The position that shows the aggregate as it is now, and of a workflow all that was done for it.
fn seen<A>(
    wire: &Wire,
    asked: &Asked<'_>,
    stored: &Stored<A>,
    open: Option<&Open>,
) -> Option<String> {
    let mut whole = open.map_or_else(Position::default, |open| open.position.clone());
    if stored.sequence > 0 {
        whole.merge(&wire.position(asked.partition, stored.sequence));
    }
    (!whole.points().is_empty()).then(|| whole.to_string())
}

fn version<A>(stored: &Stored<A>) -> Option<i64> {
    (stored.version > 0).then_some(stored.version.cast_signed())
}

/// The outcome of the workflow's operation, which an earlier command began.
fn concluded<A>(
    wire: &Wire,
    asked: &Asked<'_>,
    open: &Arc<Open>,
    after: &Stored<A>,
    conclusion: &Conclusion,
    now: Timestamp,
) -> Result<Outgoing, avro::Error> {
    let whole = Open {
        envelope: open.envelope.clone(),
        position: come_to(open, asked.envelope),
    };
    end_of_workflow(
        wire,
        asked,
        &whole,
        after,
        (
            conclusion.state,
            conclusion.code.map(str::to_owned),
            conclusion.reason.clone(),
        ),
        now,
    )
}

/// The terminal outcome of a workflow's operation.
pub(crate) fn end_of_workflow<A>(
    wire: &Wire,
    asked: &Asked<'_>,
    open: &Open,
    stored: &Stored<A>,
    (state, code, reason): (State, Option<String>, Option<String>),
    now: Timestamp,
) -> Result<Outgoing, avro::Error> {
    let begun = Envelope {
        id: open.envelope.causation,
        record: open.envelope.opens.clone().unwrap_or_default(),
        ..open.envelope.clone()
    };
    let opener = Asked {
        partition: asked.partition,
        place: asked.place.clone(),
        envelope: &begun,
        kind: OutcomeKind::Command,
    };
    let outcome = Outcome {
        code,
        reason,
        version: version(stored),
        position: seen(wire, asked, stored, Some(open)),
        ..outcome_of(&opener, state, now)
    };
    wire.outcome(&opener, &outcome, now)
}

pub(crate) fn fits(record: &Outgoing) -> bool {
    record.key.len() + record.headers.size() + record.value.len() <= LARGEST
}
