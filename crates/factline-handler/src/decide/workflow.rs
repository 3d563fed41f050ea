//! The workflow of a process: an operation that stays open after its command is decided.

use factline::aggregate::Workflow;
use factline::outcome::{OutcomeKind, State};
use factline::position::MAX_POINTS;
use factline::{Aggregate, Conclusion, Envelope, Outcome, Position};
use uuid::Uuid;

use crate::decide::facts::Enveloped;
use crate::decide::origin::{CommandContext, Origin};
use crate::state::aggregate::{AggregateState, Open, position};

/// Reason why the domain's decision about a workflow is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidWorkflow {
    #[error("workflow begins without an event")]
    BeginsWithoutEvent,
    #[error("workflow begins while operation {0} of this process is open")]
    BeginsTwice(Uuid),
    #[error("workflow ends without an event")]
    EndsWithoutEvent,
    #[error(
        "workflow is open, and its process has no deadline to end it: return one from `deadline`"
    )]
    Unbounded,
}

/// The state in which an operation ends, with its code and reason.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) state: State,
    pub(crate) code: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Ending {
    pub(crate) fn new(state: State, code: &str, reason: String) -> Self {
        Self {
            state,
            code: Some(code.to_owned()),
            reason: Some(reason),
        }
    }

    pub(crate) fn completed() -> Self {
        Self {
            state: State::Completed,
            code: None,
            reason: None,
        }
    }
}

impl From<&Conclusion> for Ending {
    fn from(conclusion: &Conclusion) -> Self {
        Self {
            state: conclusion.state,
            code: conclusion.code.map(str::to_owned),
            reason: conclusion.reason.clone(),
        }
    }
}

/// The effect of a decision's events on the workflow of the process.
#[derive(Debug, Default)]
pub(crate) struct Transition {
    /// `true` if the first event begins the workflow.
    pub(crate) begins: bool,
    /// The operation that the last event ends.
    pub(crate) ends: Option<Uuid>,
}

impl Transition {
    /// Checks what the domain has decided about the workflow.
    pub(crate) fn check(
        workflow: Option<&Workflow>,
        open: Option<&Open>,
        events: usize,
        subject: &str,
    ) -> Result<Self, InvalidWorkflow> {
        match (workflow, open) {
            (None, _) => Ok(Self::default()),
            (Some(Workflow::Begins), None) if events > 0 => Ok(Self {
                begins: true,
                ends: None,
            }),
            (Some(Workflow::Begins), None) => Err(InvalidWorkflow::BeginsWithoutEvent),
            (Some(Workflow::Begins), Some(open)) => {
                Err(InvalidWorkflow::BeginsTwice(open.envelope.operation))
            }
            (Some(Workflow::Ends(_)), Some(_)) if events == 0 => {
                Err(InvalidWorkflow::EndsWithoutEvent)
            }
            (Some(Workflow::Ends(_)), Some(open)) => Ok(Self {
                begins: false,
                ends: Some(open.envelope.operation),
            }),
            // A deadline that could not be decided has ended the workflow already; the aggregate
            // does not know it.
            (Some(Workflow::Ends(_)), None) => {
                tracing::warn!(subject, "workflow ends that is not open");
                Ok(Self::default())
            }
        }
    }
}

/// Adds a command to the open workflow of its process, for any sender. A third party that answers
/// the process, for example by a webhook, begins no workflow of its own.
pub(crate) fn join(open: &Open, envelope: &mut Envelope) {
    let begun = &open.envelope;
    envelope.root_operation = Some(begun.root_operation.unwrap_or(begun.operation));
    envelope.correlation = begun.correlation;
}

/// Returns the position that the events and their consequences carry.
pub(crate) fn carried_position(open: Option<&Open>, envelope: &Envelope) -> Option<String> {
    let Some(open) = open else {
        return envelope.position.clone();
    };
    let whole = merged_position(open, envelope);
    (!whole.points().is_empty()).then(|| whole.to_string())
}

/// Returns the position of a workflow, merged with the position of this command.
fn merged_position(open: &Open, envelope: &Envelope) -> Position {
    let mut whole = open.position.clone();
    if let Some(brought) = position(envelope) {
        whole.merge(&brought);
    }
    whole.keep_last(MAX_POINTS);
    whole
}

/// Returns the position at which the aggregate's present state is visible, and for a workflow also
/// everything that was done for it.
pub(crate) fn visible_position<A>(
    origin: &Origin,
    partition: i32,
    stored: &AggregateState<A>,
    open: Option<&Open>,
) -> Option<String> {
    let own = (stored.sequence > 0).then(|| origin.position(partition, stored.sequence));
    let Some(open) = open else {
        return own.map(|own| own.to_string());
    };
    let mut whole = open.position.clone();
    if let Some(own) = own {
        whole.merge(&own);
    }
    (!whole.points().is_empty()).then(|| whole.to_string())
}

/// Builds the outcome of the workflow's operation, which an earlier command began.
pub(crate) fn concluded<A: Aggregate>(
    origin: &Origin,
    context: &CommandContext,
    open: &Open,
    after: &AggregateState<A>,
    conclusion: &Conclusion,
) -> Box<Enveloped<Outcome>> {
    let whole = Open {
        envelope: open.envelope.clone(),
        position: merged_position(open, &context.envelope),
    };
    end(origin, context, &whole, after, conclusion.into())
}

/// Builds the terminal outcome of a workflow's operation.
pub(crate) fn end<A: Aggregate>(
    origin: &Origin,
    context: &CommandContext,
    open: &Open,
    stored: &AggregateState<A>,
    ending: Ending,
) -> Box<Enveloped<Outcome>> {
    let opener = CommandContext {
        partition: context.partition,
        place: context.place.clone(),
        envelope: Envelope {
            id: open.envelope.causation,
            record: open.envelope.opens.clone().unwrap_or_default(),
            ..open.envelope.clone()
        },
        kind: OutcomeKind::Command,
        now: context.now,
    };
    let outcome = Outcome {
        code: ending.code,
        reason: ending.reason,
        version: stored.known_version(),
        position: visible_position(origin, context.partition, stored, Some(open)),
        ..opener.outcome(ending.state)
    };
    origin.outcome(opener, outcome)
}
