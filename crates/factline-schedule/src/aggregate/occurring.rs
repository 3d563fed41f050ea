//! The decision on a due occurrence: it runs, or it was missed.
//!
//! An occurrence is missed if the handler decides it later than the schedule allows. The lateness
//! is that of the handler's clock, see [`Context::lateness`]. A clock that jumps can make an
//! occurrence late or missed, but the next instant follows from the rule and the last instant: none
//! is repeated, and none is lost without an event that says so.

use factline::{Context, Decision, Timestamp};

use super::{Plan, Schedule};
use crate::calendar::Calendar;
use crate::records::schedule::Event;
use crate::{MissedPolicy, OccurrenceDue, OccurrencesSkipped, SchedulePaused};

/// Maximum number of occurrences that one decision leaves out. The next decision continues.
pub(super) const MOST_SKIPPED: i64 = 1_000;

impl Schedule {
    /// Decides the next occurrence.
    pub(super) fn decide_occurrence(&self, context: &Context<'_>) -> Decision<Event> {
        let Self::Active { plan, next } = self else {
            return Decision::nothing();
        };
        if context.now() < *next {
            return Decision::nothing();
        }
        // A rule that this release cannot read was readable when it was created. A refusal would
        // end the schedule without an event, so it is paused: another release can resume it.
        let Ok(calendar) = Calendar::read(&plan.rule) else {
            let schedule_id = plan.schedule_id;
            return Decision::event(SchedulePaused { schedule_id });
        };
        let due = Due {
            plan,
            calendar,
            first: *next,
            clock: context.now() + context.lateness(),
        };
        Decision::events(due.events())
    }
}

/// The occurrences that are due.
struct Due<'p> {
    plan: &'p Plan,
    calendar: Calendar,
    /// The first of them.
    first: Timestamp,
    /// The time of the handler's clock.
    clock: Timestamp,
}

impl Due<'_> {
    fn events(&self) -> Vec<Event> {
        if self.clock - self.first <= self.plan.missed_after() {
            return vec![self.occurs(self.first, 0)];
        }
        match self.plan.missed {
            MissedPolicy::Run => vec![self.occurs(self.first, 0)],
            MissedPolicy::Last => self.only_last(),
            // A schedule of a later release, with a policy that this one does not know, runs too
            // little rather than too much.
            MissedPolicy::Skip | MissedPolicy::Unknown => {
                let missed_after = self.plan.missed_after();
                let (skipped, _) = self.skip_while(|at, _| self.clock - at > missed_after);
                vec![skipped.into()]
            }
        }
    }

    /// Skips all but the newest of the occurrences that are due, and runs that one.
    fn only_last(&self) -> Vec<Event> {
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= self.clock);
        let (skipped, next) = self.skip_while(|_, following| is_due(following));
        let Some(newest) = next else {
            return vec![skipped.into()];
        };
        if skipped.count == 0 {
            return vec![self.occurs(newest, 0)];
        }
        let (count, is_complete) = (skipped.count, skipped.count < MOST_SKIPPED);
        let mut events = vec![skipped.into()];
        if is_complete {
            events.push(self.occurs(newest, count));
        }
        events
    }

    /// Skips occurrences as long as the condition holds for their instant and the one that follows.
    /// Returns the first that is not skipped.
    fn skip_while(
        &self,
        is_skipped: impl Fn(Timestamp, Option<Timestamp>) -> bool,
    ) -> (OccurrencesSkipped, Option<Timestamp>) {
        let (mut last, mut count, mut next) = (self.first, 0, Some(self.first));
        while let Some(at) = next
            && count < MOST_SKIPPED
        {
            let following = self.calendar.next_after(at);
            if !is_skipped(at, following) {
                break;
            }
            (last, next) = (at, following);
            count += 1;
        }
        let skipped = OccurrencesSkipped {
            schedule_id: self.plan.schedule_id,
            first: self.first.timestamp_micros(),
            last: last.timestamp_micros(),
            count,
            next: next.map(|next| next.timestamp_micros()),
        };
        (skipped, next)
    }

    /// Runs an occurrence after the number of others that this decision skips.
    fn occurs(&self, at: Timestamp, skipped: i64) -> Event {
        let (plan, next) = (self.plan, self.calendar.next_after(at));
        OccurrenceDue {
            schedule_id: plan.schedule_id,
            occurrence: at.timestamp_micros(),
            number: plan.count.saturating_add(skipped).saturating_add(1),
            decided_at: self.clock.timestamp_micros(),
            command: plan.command.clone(),
            actor: plan.actor.clone(),
            roles: plan.roles.clone(),
            next: next.map(|next| next.timestamp_micros()),
        }
        .into()
    }
}
