//! Decides one command by the aggregate's rules: from the command to events, outcomes and the
//! aggregate's next state.
//!
//! Commands from the log and due deadlines are decided here in the same way; they differ only
//! before. Nothing here changes the overlay.

use factline::aggregate::Workflow;
use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, CommandOf, EventOf, Messages as _, Outcome, Rejection as _};

use crate::decide::aggregate_id::check_id;
use crate::decide::facts::{Decided, Enveloped, Events, Facts};
use crate::decide::fault::Fault;
use crate::decide::origin::{CommandContext, Origin};
use crate::decide::workflow::{self, Ending, InvalidWorkflow, Transition, visible_position};
use crate::state::aggregate::AggregateState;
use crate::state::overlay::Overlay;

/// Decides a command by the aggregate's rules.
pub(crate) fn decide<A: Aggregate>(
    origin: &Origin,
    overlay: &Overlay<'_, A>,
    context: CommandContext,
    command: CommandOf<A::Type>,
) -> Result<Decided<A>, Fault> {
    let before = overlay.load(&context.envelope.subject);
    decide_on(origin, before, overlay.sequence() + 1, context, command)
}

/// Decides a command on a state. `next_sequence` is the partition sequence of its first event.
pub(crate) fn decide_on<A: Aggregate>(
    origin: &Origin,
    before: AggregateState<A>,
    next_sequence: u64,
    mut context: CommandContext,
    command: CommandOf<A::Type>,
) -> Result<Decided<A>, Fault> {
    let (open, version_before) = (before.open.clone(), before.version);
    if let Some(open) = &open {
        workflow::join(open, &mut context.envelope);
    }
    let set = before.wake.as_ref().map(|wake| wake.set);
    let decision = match before.state.decide(command, &context.for_rules()) {
        Ok(decision) => decision,
        Err(rejection) => {
            let ending = Ending::new(State::Rejected, rejection.code(), rejection.to_string());
            return Ok(end_without_event(origin, context, before, ending)?);
        }
    };
    let workflow = decision.workflow().cloned();
    let events = decision.into_events();
    let subject = &context.envelope.subject;
    for event in &events {
        check_id(event, subject)?;
    }
    let transition = Transition::check(workflow.as_ref(), open.as_deref(), events.len(), subject)?;
    let (mut after, events) =
        apply_events(origin, &context, before, events, &transition, next_sequence);
    let (state, conclusion) = match &workflow {
        Some(Workflow::Begins) => (State::Running, None),
        Some(Workflow::Ends(conclusion)) => (State::Completed, Some(conclusion)),
        None => (State::Completed, None),
    };
    if context.kind == OutcomeKind::Deadline
        && let Some(set) = set
    {
        after.spend(set);
    }
    if after.open.is_some() && after.due().is_none() {
        return Err(InvalidWorkflow::Unbounded.into());
    }
    let outcome = Outcome {
        version: after.known_version(),
        position: visible_position(origin, context.partition, &after, after.open.as_deref()),
        ..context.outcome(state)
    };
    let concluded = conclusion
        .zip(open.as_deref())
        .map(|(conclusion, open)| workflow::concluded(origin, &context, open, &after, conclusion));
    let is_changed = after.version > version_before || context.kind == OutcomeKind::Deadline;
    let next = is_changed.then(|| (context.envelope.subject.as_str().into(), after));
    let (partition, kind) = (context.partition, context.kind);
    Ok(Decided {
        facts: Facts {
            events,
            concluded,
            ..Facts::of_outcome(partition, kind, origin.outcome(context, outcome))
        },
        next,
        scope: None,
    })
}

/// Ends a command without an event, by the domain or by one of the kit's own checks. The aggregate
/// is as it was loaded.
pub(crate) fn end_without_event<A: Aggregate>(
    origin: &Origin,
    context: CommandContext,
    mut stored: AggregateState<A>,
    ending: Ending,
) -> Result<Decided<A>, InvalidWorkflow> {
    let outcome = Outcome {
        code: ending.code,
        reason: ending.reason,
        version: stored.known_version(),
        position: visible_position(origin, context.partition, &stored, None),
        ..context.outcome(ending.state)
    };
    let mut next = None;
    if context.kind == OutcomeKind::Deadline
        && let Some(set) = stored.wake.as_ref().map(|wake| wake.set)
    {
        stored.spend(set);
        if stored.open.is_some() {
            return Err(InvalidWorkflow::Unbounded);
        }
        next = Some((context.envelope.subject.as_str().into(), stored));
    }
    let (partition, kind) = (context.partition, context.kind);
    let outcome = origin.outcome(context, outcome);
    Ok(Decided {
        facts: Facts::of_outcome(partition, kind, outcome),
        next,
        scope: None,
    })
}

/// Returns the aggregate after the decision's events, and the events with their envelopes.
/// `next_sequence` is the partition sequence of the first of them.
fn apply_events<A: Aggregate>(
    origin: &Origin,
    context: &CommandContext,
    before: AggregateState<A>,
    events: Vec<EventOf<A::Type>>,
    transition: &Transition,
    next_sequence: u64,
) -> (AggregateState<A>, Events<A>) {
    let carried = workflow::carried_position(before.open.as_deref(), &context.envelope);
    let (next_version, count) = (before.version + 1, events.len());
    let mut after = before;
    let mut enveloped = Vec::with_capacity(count);
    for (index, event) in events.into_iter().enumerate() {
        let number = index as u64;
        let (version, sequence) = (next_version + number, next_sequence + number);
        let mut envelope = origin.event_envelope(context, event.record(), version, sequence);
        envelope.position.clone_from(&carried);
        if transition.begins && index == 0 {
            envelope.opens = Some(context.envelope.record.clone());
        }
        if index + 1 == count {
            envelope.concludes = transition.ends;
        }
        after = after.take(&event, &envelope);
        enveloped.push(Enveloped {
            envelope,
            value: event,
        });
    }
    (after, enveloped)
}
