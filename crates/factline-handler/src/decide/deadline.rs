//! Decides a due deadline, like a command that the aggregate has sent to itself.
//!
//! Its operation id derives from the aggregate and the version that set it, so it is decided once.
//! Its context is that of the event that set it. Its result is in the outcomes, as for any command.
//! But there is no record to store as a dead letter: a deadline that cannot be decided ends as
//! failed, and so does the workflow that it bounds.

use std::sync::Arc;

use chrono::SubsecRound as _;
use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, AggregateType, Envelope, Messages as _, Outcome, Timestamp};
use uuid::Uuid;

use crate::decide::decision;
use crate::decide::facts::{Decided, Facts};
use crate::decide::fault::Fault;
use crate::decide::origin::{CommandContext, Origin};
use crate::decide::workflow::{self, Ending};
use crate::state::aggregate::{AggregateState, Wake};
use crate::state::overlay::Overlay;

/// A due deadline that is to be decided.
pub(crate) struct DueDeadline<'d, A> {
    pub(crate) partition: i32,
    /// Id of its aggregate.
    pub(crate) subject: &'d Arc<str>,
    /// The aggregate, whose present deadline it is.
    pub(crate) stored: &'d AggregateState<A>,
    pub(crate) wake: &'d Wake,
    pub(crate) operation: Uuid,
    /// Time of the decision.
    pub(crate) now: Timestamp,
    /// The worker's time, which is later after downtime.
    pub(crate) clock: Timestamp,
}

impl<A: Aggregate> DueDeadline<'_, A> {
    /// Decides the deadline's command.
    pub(crate) fn decide(
        &self,
        origin: &Origin,
        overlay: &Overlay<'_, A>,
    ) -> Result<Decided<A>, Fault> {
        let Some(deadline) = self.stored.state.deadline() else {
            return Err(Fault::Panic("deadline() is not deterministic".to_owned()));
        };
        let context = self.context(origin, deadline.command.record());
        decision::decide(origin, overlay, context, deadline.command)
    }

    /// Fails a deadline that can never be decided. It is spent, and the workflow that it bounds
    /// ends.
    pub(crate) fn fail(&self, origin: &Origin, fault: &Fault) -> Decided<A> {
        let context = self.context(origin, "unknown");
        let mut stored = self.stored.clone();
        let (code, reason) = (fault.code(), fault.reason());
        tracing::error!(
            aggregate = <A::Type as AggregateType>::NAME,
            subject = &**self.subject,
            version = stored.version,
            code,
            reason,
            "deadline failed"
        );
        let outcome = Outcome {
            code: Some(code.to_owned()),
            reason: Some(reason.clone()),
            ..context.outcome(State::Failed)
        };
        let concluded = stored.open.take().map(|open| {
            let ending = Ending::new(State::Failed, code, reason);
            workflow::end(origin, &context, &open, &stored, ending)
        });
        stored.spend(self.wake.set);
        let outcome = origin.outcome(context, outcome);
        Decided {
            facts: Facts {
                concluded,
                ..Facts::of_outcome(self.partition, OutcomeKind::Deadline, outcome)
            },
            next: Some((Arc::clone(self.subject), stored)),
            scope: None,
        }
    }

    /// Builds the context of the deadline's command, which no client has sent. Its origin time says
    /// how late it is decided.
    fn context(&self, origin: &Origin, record: &str) -> CommandContext {
        let (operation, cause) = (self.operation, &self.wake.cause);
        let own = Envelope::of_command(operation, record, origin.source(), self.subject, self.now);
        let envelope = Envelope {
            root_operation: Some(cause.root_operation.unwrap_or(cause.operation)),
            parent_operation: Some(cause.operation),
            process_type: cause.process_type.clone(),
            process_id: cause.process_id.clone(),
            correlation: cause.correlation,
            causation: cause.id,
            actor: cause.actor.clone(),
            position: cause.position.clone(),
            traceparent: cause.traceparent.clone(),
            origin_time: self.clock.trunc_subsecs(3).max(self.now),
            ..own
        };
        CommandContext {
            partition: self.partition,
            place: None,
            envelope,
            kind: OutcomeKind::Deadline,
            now: self.now,
        }
    }
}
