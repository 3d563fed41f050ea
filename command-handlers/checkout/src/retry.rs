//! How long a checkout waits for an answer, and how often it asks.

use chrono::TimeDelta;
use factline::Timestamp;
use serde::{Deserialize, Serialize};

use crate::validation::after;

/// How often the same is asked, the first time included. With the pauses of [`pause`] it takes two hours.
pub const ATTEMPTS: i32 = 8;

/// Waiting for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// Microseconds since 1970; none when it is over and people have to look.
    pub due: Option<i64>,
    /// How often it was asked.
    pub attempt: i32,
    /// Whether the checkout's operation has ended, because patience was lost before.
    pub concluded: bool,
}

impl Patience {
    /// Until then, for the first answer.
    pub(crate) fn until(due: i64, concluded: bool) -> Self {
        Self {
            due: Some(due),
            attempt: 1,
            concluded,
        }
    }

    /// The same, asked again.
    pub(crate) fn again(self, due: i64, attempt: i32) -> Self {
        Self {
            due: Some(due),
            attempt,
            ..self
        }
    }

    /// Over.
    pub(crate) fn lost() -> Self {
        Self {
            due: None,
            attempt: ATTEMPTS,
            concluded: true,
        }
    }

    /// Whether it is time.
    pub(crate) fn is_over(self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| now.timestamp_micros() >= due)
    }

    /// As an instant.
    pub(crate) fn instant(self) -> Option<Timestamp> {
        // A time beyond all calendars has come: an open workflow is never without a deadline.
        self.due
            .map(|due| Timestamp::from_timestamp_micros(due).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// When what is asked now for this time is asked again: after 30 seconds, then twice as long each time, an hour at most.
pub(crate) fn pause(now: Timestamp, attempt: i32) -> i64 {
    let doublings = u32::try_from(attempt.clamp(1, ATTEMPTS) - 1).unwrap_or_default();
    after(now, TimeDelta::seconds((30_i64 << doublings).min(3600)))
}
