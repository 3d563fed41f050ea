//! The expected result of a command or a deadline, by the rules of the context and of the kit.

use factline::aggregate::Workflow;
use factline::outcome::{Outcome, State};
use factline::{
    Aggregate, CommandOf, Conclusion, Context, Envelope, EventOf, Rejection as _, Timestamp,
};
use factline_kafka::topics::partition_of;
use serde_json::Value;
use uuid::Uuid;

use super::kept::Kept;
use crate::history::Logged;
use crate::typed;

/// The result that the log must have.
#[derive(Debug)]
pub(super) struct Expected<E> {
    pub(super) state: State,
    pub(super) code: Option<String>,
    pub(super) events: Vec<E>,
    /// The end of the workflow that was open.
    pub(super) ends: Option<Conclusion>,
}

impl<E> Expected<E> {
    pub(super) fn end(state: State, code: &str) -> Self {
        Self {
            state,
            code: Some(code.to_owned()),
            events: Vec::new(),
            ends: None,
        }
    }
}

/// Codes that the log alone cannot confirm: failures of the broker, a panic that does not recur, or
/// the length of a handler's dedupe window.
const UNCONFIRMABLE: [&str; 4] = ["too_old", "too_large", "unwritable", "workflow"];

/// Returns the result of a command's record. `under` is the operation that came first with its
/// idempotency key.
pub(super) fn of_command<A: Aggregate>(
    record: &Logged<Value>,
    partitions: i32,
    under: Option<Uuid>,
    kept: &Kept<A>,
    outcome: &Outcome,
    now: Timestamp,
) -> Expected<EventOf<A::Type>> {
    let Some((envelope, command)) = read::<A>(record) else {
        return Expected::end(State::Failed, "unreadable");
    };
    if record.key.as_deref() != Some(envelope.subject.as_str()) {
        return Expected::end(State::Failed, "wrong_key");
    }
    if partition_of(envelope.subject.as_bytes(), partitions) != record.partition {
        return Expected::end(State::Failed, "wrong_partition");
    }
    let code = outcome.code.as_deref().unwrap_or_default();
    if outcome.state == State::Failed && UNCONFIRMABLE.contains(&code) {
        return Expected::end(State::Failed, code);
    }
    if under.is_some_and(|first| first != envelope.operation) {
        return Expected::end(State::Rejected, "idempotency_key_reused");
    }
    // The timeout is by the handler's clock, which is not in the log.
    if envelope.time_to_live_ms.is_some() && (outcome.state, code) == (State::TimedOut, "timed_out")
    {
        return Expected::end(State::TimedOut, "timed_out");
    }
    if envelope
        .expected_version
        .is_some_and(|expected| expected != kept.version)
    {
        return Expected::end(State::Rejected, "version_conflict");
    }
    decided(kept, command, &Context::of_command(envelope, now))
}

/// Returns the result of a due deadline. It uses only the aggregate's own state, and the handler's
/// clock that the outcome has recorded.
pub(super) fn of_deadline<A: Aggregate>(
    kept: &Kept<A>,
    outcome: &Outcome,
    now: Timestamp,
    clock: Timestamp,
) -> Option<Expected<EventOf<A::Type>>> {
    let deadline = kept.state.deadline()?;
    if outcome.state == State::Failed {
        let code = outcome.code.clone().unwrap_or_default();
        return Some(Expected {
            ends: kept.open.map(|_| Conclusion {
                state: State::Failed,
                code: None,
                reason: None,
            }),
            ..Expected::end(State::Failed, &code)
        });
    }
    let context = Context::of_deadline(kept.deadline_actor()?, now).late_by(clock - now);
    Some(decided(kept, deadline.command, &context))
}

/// Returns the result of a command by the rules.
pub(super) fn decided<A: Aggregate>(
    kept: &Kept<A>,
    command: CommandOf<A::Type>,
    context: &Context<'_>,
) -> Expected<EventOf<A::Type>> {
    let decision = match kept.state.decide(command, context) {
        Ok(decision) => decision,
        Err(rejection) => return Expected::end(State::Rejected, rejection.code()),
    };
    let (state, ends) = match decision.workflow() {
        Some(Workflow::Begins) => (State::Running, None),
        Some(Workflow::Ends(conclusion)) => {
            (State::Completed, kept.open.map(|_| conclusion.clone()))
        }
        None => (State::Completed, None),
    };
    Expected {
        state,
        code: None,
        events: decision.into_events(),
        ends,
    }
}

fn read<A: Aggregate>(record: &Logged<Value>) -> Option<(&Envelope, CommandOf<A::Type>)> {
    let envelope = record.envelope.as_ref()?;
    let command = typed::message(&envelope.record, record.value.as_ref()?)?;
    Some((envelope, command))
}
