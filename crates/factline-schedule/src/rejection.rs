//! The refusals of a schedule.

/// A refusal. It does not repeat texts of the client, because outcomes are stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The rule has neither an instant nor a cron expression, or both.
    #[error("the rule needs either at or cron")]
    IncompleteRule,
    /// The cron expression cannot be read.
    #[error("rule.cron is not a cron expression: {reason}")]
    InvalidCron {
        /// The first thing that is wrong with it.
        reason: String,
    },
    /// The time zone is not in the database.
    #[error("rule.time_zone is not a time zone of the IANA database")]
    UnknownTimeZone,
    /// The rule has no instant after now.
    #[error("the rule has no instant after now")]
    NeverOccurs,
    /// The policy for missed occurrences is not one of the three.
    #[error("missed must be skip, last or run")]
    UnknownMissedPolicy,
    /// The time after which an occurrence is missed is out of range.
    #[error("missed_after_seconds is {seconds}; it must be from 1 to {longest}")]
    MissedAfterOutOfRange {
        /// The requested time.
        seconds: i32,
        /// The maximum.
        longest: i32,
    },
    /// The command cannot be sent.
    #[error("the command cannot be sent: {field} is not valid")]
    InvalidCommand {
        /// The field that is wrong.
        field: &'static str,
    },
    /// The command is one of a schedule, which could run itself without end.
    #[error("a schedule cannot send a command of a schedule")]
    SchedulesSchedule,
    /// No schedule was created with this id, or it was deleted.
    #[error("there is no such schedule")]
    ScheduleNotFound,
    /// The id belongs to a schedule with other contents, or to one that was deleted.
    #[error("there is another schedule with this id")]
    ScheduleExists,
    /// The schedule has no occurrence left.
    #[error("the schedule has no occurrence left")]
    ScheduleFinished,
    /// The schedule was created by another actor.
    #[error("the schedule was created by another actor")]
    NotCreator,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::IncompleteRule => "incomplete_rule",
            Self::InvalidCron { .. } => "invalid_cron",
            Self::UnknownTimeZone => "unknown_time_zone",
            Self::NeverOccurs => "never_occurs",
            Self::UnknownMissedPolicy => "unknown_missed_policy",
            Self::MissedAfterOutOfRange { .. } => "missed_after_out_of_range",
            Self::InvalidCommand { .. } => "invalid_command",
            Self::SchedulesSchedule => "schedules_schedule",
            Self::ScheduleNotFound => "schedule_not_found",
            Self::ScheduleExists => "schedule_exists",
            Self::ScheduleFinished => "schedule_finished",
            Self::NotCreator => "not_creator",
        }
    }
}
