//! A schedule, from its creation to its end.

use chrono::TimeDelta;
use factline::{Aggregate, AggregateType as _, Context, Deadline, Decision, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::calendar::{Calendar, instant};
use crate::records::schedule::{self, Command, Event};
use crate::{
    CreateSchedule, DecideOccurrence, MissedPolicy, Rejection, RunRequested, ScheduleCreated,
    ScheduleDeleted, SchedulePaused, ScheduleResumed, ScheduleRule, ScheduledCommand,
};

mod occurring;

/// Maximum number of bytes of a command's data. Each occurrence writes it into the log twice.
const LONGEST_DATA: usize = 16 * 1024;

/// The longest time after which an occurrence is missed: 7 days.
const LONGEST_SECONDS: i32 = 7 * 24 * 60 * 60;

/// A schedule's stage.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Schedule {
    /// No schedule was created with this id.
    #[default]
    Uncreated,
    /// Occurs.
    Active {
        /// The contents.
        plan: Plan,
        /// The instant of the next occurrence. The event before has recorded it.
        next: Timestamp,
    },
    /// Does not occur until it is resumed.
    Paused {
        /// The contents.
        plan: Plan,
    },
    /// Has no occurrence left.
    Finished {
        /// The contents.
        plan: Plan,
    },
    /// Ended for ever.
    Deleted,
}

/// The contents of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Id of the schedule.
    pub schedule_id: Uuid,
    /// The instants of the occurrences.
    pub rule: ScheduleRule,
    /// The treatment of missed occurrences.
    pub missed: MissedPolicy,
    /// The seconds after which an undecided occurrence is missed.
    pub missed_after_seconds: i32,
    /// The command that each occurrence sends.
    pub command: ScheduledCommand,
    /// The actor on whose behalf it is sent: the one who has created the schedule.
    pub actor: String,
    /// The roles that the actor had then.
    pub roles: Vec<String>,
    /// The last instant that was decided.
    pub decided: Option<Timestamp>,
    /// Number of the instants that were decided.
    pub count: i64,
    /// Number of the requests to run it now.
    pub runs: i64,
}

impl Aggregate for Schedule {
    type Type = schedule::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &Context) -> Result<Decision<Event>, Rejection> {
        let command = match command {
            Command::CreateSchedule(command) => return self.create(command, context),
            command => command,
        };
        let plan = self.plan().ok_or(Rejection::ScheduleNotFound)?;
        if let Command::DecideOccurrence(_) = command {
            return Ok(self.decide_occurrence(context));
        }
        if plan.actor != context.actor() {
            return Err(Rejection::NotCreator);
        }
        let schedule_id = plan.schedule_id;
        match command {
            Command::PauseSchedule(_) => match self {
                Self::Active { .. } => Ok(Decision::event(SchedulePaused { schedule_id })),
                Self::Paused { .. } => Ok(Decision::nothing()),
                _ => Err(Rejection::ScheduleFinished),
            },
            Command::ResumeSchedule(_) => match self {
                Self::Paused { plan } => resume(plan, context.now()),
                Self::Active { .. } => Ok(Decision::nothing()),
                _ => Err(Rejection::ScheduleFinished),
            },
            Command::RunSchedule(_) => Ok(Decision::event(RunRequested {
                schedule_id,
                command: plan.command.clone(),
                actor: plan.actor.clone(),
                roles: plan.roles.clone(),
            })),
            Command::DeleteSchedule(_) => Ok(Decision::event(ScheduleDeleted { schedule_id })),
            Command::CreateSchedule(_) | Command::DecideOccurrence(_) => Ok(Decision::nothing()),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Uncreated, Event::ScheduleCreated(created)) => {
                Plan::of(created).waiting_for(created.next)
            }
            (Self::Active { plan, .. }, Event::OccurrenceDue(due)) => {
                plan.after(1, due.occurrence).waiting_for(due.next)
            }
            (Self::Active { plan, .. }, Event::OccurrencesSkipped(skipped)) => plan
                .after(skipped.count, skipped.last)
                .waiting_for(skipped.next),
            (Self::Active { plan, .. }, Event::SchedulePaused(_)) => Self::Paused { plan },
            (Self::Paused { plan }, Event::ScheduleResumed(resumed)) => {
                plan.waiting_for(resumed.next)
            }
            (_, Event::ScheduleDeleted(_)) => Self::Deleted,
            (mut state, Event::RunRequested(_)) => {
                if let Self::Active { plan, .. } | Self::Paused { plan } | Self::Finished { plan } =
                    &mut state
                {
                    plan.runs = plan.runs.saturating_add(1);
                }
                state
            }
            (state, _) => state,
        }
    }

    fn deadline(&self) -> Option<Deadline<Command>> {
        let Self::Active { plan, next } = self else {
            return None;
        };
        let schedule_id = plan.schedule_id;
        Some(Deadline::at(*next, DecideOccurrence { schedule_id }))
    }

    fn has_ended(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Deleted)
    }
}

impl Schedule {
    /// Returns the contents of a schedule that exists.
    fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Uncreated | Self::Deleted => None,
            Self::Active { plan, .. } | Self::Paused { plan } | Self::Finished { plan } => {
                Some(plan)
            }
        }
    }

    fn create(
        &self,
        command: CreateSchedule,
        context: &Context<'_>,
    ) -> Result<Decision<Event>, Rejection> {
        match (self, self.plan()) {
            (Self::Uncreated, _) => create(command, context),
            (_, Some(plan)) if plan.is_of(&command, context) => Ok(Decision::nothing()),
            _ => Err(Rejection::ScheduleExists),
        }
    }
}

fn create(command: CreateSchedule, context: &Context<'_>) -> Result<Decision<Event>, Rejection> {
    let seconds = command.missed_after_seconds;
    if !(1..=LONGEST_SECONDS).contains(&seconds) {
        return Err(Rejection::MissedAfterOutOfRange {
            seconds,
            longest: LONGEST_SECONDS,
        });
    }
    if command.missed == MissedPolicy::Unknown {
        return Err(Rejection::UnknownMissedPolicy);
    }
    check(&command.request)?;
    let calendar = Calendar::read(&command.rule)?;
    let next = calendar.next_after(context.now());
    let next = next.ok_or(Rejection::NeverOccurs)?;
    Ok(Decision::event(ScheduleCreated {
        schedule_id: command.schedule_id,
        rule: command.rule,
        missed: command.missed,
        missed_after_seconds: seconds,
        command: command.request,
        actor: context.actor().to_owned(),
        roles: context.roles().iter().map(str::to_owned).collect(),
        next: Some(next.timestamp_micros()),
    }))
}

/// Checks what the edge has made of a request. A sender of records may have written something else.
fn check(command: &ScheduledCommand) -> Result<(), Rejection> {
    if command.aggregate == schedule::Type::NAME {
        return Err(Rejection::SchedulesSchedule);
    }
    let invalid = |field| Err(Rejection::InvalidCommand { field });
    if command.data.len() > LONGEST_DATA {
        return invalid("data");
    }
    match serde_json::from_str(&command.data) {
        Ok(Value::Object(_)) => {}
        _ => return invalid("data"),
    }
    let texts = [
        ("aggregate", Some(&command.aggregate)),
        ("record", Some(&command.record)),
        ("aggregate_id", command.aggregate_id.as_ref()),
    ];
    for (field, text) in texts {
        if text.is_some_and(String::is_empty) {
            return invalid(field);
        }
    }
    match command.time_to_live_ms {
        Some(time) if time < 1 => invalid("time_to_live_ms"),
        _ => Ok(()),
    }
}

/// Resumes with the first instant that is neither past nor decided. The instants of the pause are
/// not missed: they did not occur.
fn resume(plan: &Plan, now: Timestamp) -> Result<Decision<Event>, Rejection> {
    let calendar = Calendar::read(&plan.rule)?;
    let after = plan.decided.map_or(now, |decided| decided.max(now));
    Ok(Decision::event(ScheduleResumed {
        schedule_id: plan.schedule_id,
        next: calendar
            .next_after(after)
            .map(|next| next.timestamp_micros()),
    }))
}

impl Plan {
    fn of(created: &ScheduleCreated) -> Self {
        Self {
            schedule_id: created.schedule_id,
            rule: created.rule.clone(),
            missed: created.missed,
            missed_after_seconds: created.missed_after_seconds,
            command: created.command.clone(),
            actor: created.actor.clone(),
            roles: created.roles.clone(),
            decided: None,
            count: 0,
            runs: 0,
        }
    }

    /// Returns whether a command creates this schedule again.
    fn is_of(&self, command: &CreateSchedule, context: &Context<'_>) -> bool {
        self.rule == command.rule
            && self.missed == command.missed
            && self.missed_after_seconds == command.missed_after_seconds
            && self.command == command.request
            && self.actor == context.actor()
    }

    fn after(self, count: i64, decided: i64) -> Self {
        Self {
            decided: instant(decided),
            count: self.count.saturating_add(count),
            ..self
        }
    }

    /// Returns the stage until the next instant.
    fn waiting_for(self, next: Option<i64>) -> Schedule {
        match next.and_then(instant) {
            Some(next) => Schedule::Active { plan: self, next },
            None => Schedule::Finished { plan: self },
        }
    }

    /// Returns the time after which an undecided occurrence is missed.
    fn missed_after(&self) -> TimeDelta {
        TimeDelta::seconds(self.missed_after_seconds.into())
    }
}
