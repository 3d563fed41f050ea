//! The deadlines and the number of attempts of a checkout's requests.

use chrono::TimeDelta;
use factline::Timestamp;
use serde::{Deserialize, Serialize};

use crate::validation::after;

/// Maximum number of attempts of a request, the first included. With the pauses of [`pause`] they
/// take two hours.
pub const ATTEMPTS: i32 = 8;

/// The schedule of a request that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrySchedule {
    /// Deadline in microseconds since 1970; none when the retries are exhausted and operators have
    /// to act.
    pub due: Option<i64>,
    /// Number of the current attempt.
    pub attempt: i32,
    /// True if the checkout's operation has ended, because the retries were exhausted before.
    pub concluded: bool,
}

impl RetrySchedule {
    /// Creates the schedule of the first attempt.
    pub(crate) fn until(due: i64, concluded: bool) -> Self {
        Self {
            due: Some(due),
            attempt: 1,
            concluded,
        }
    }

    /// Returns the schedule of a further attempt.
    pub(crate) fn again(self, due: i64, attempt: i32) -> Self {
        Self {
            due: Some(due),
            attempt,
            ..self
        }
    }

    /// Returns the schedule after the last attempt.
    pub(crate) fn exhausted() -> Self {
        Self {
            due: None,
            attempt: ATTEMPTS,
            concluded: true,
        }
    }

    /// Returns true if the deadline has passed.
    pub(crate) fn is_over(self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| now.timestamp_micros() >= due)
    }

    /// Returns the deadline as an instant.
    pub(crate) fn instant(self) -> Option<Timestamp> {
        // A time outside of the calendar's range is due now: an open workflow is never without a
        // deadline.
        self.due
            .map(|due| Timestamp::from_timestamp_micros(due).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// Returns the time of the next attempt: after 30 seconds, then twice as long each time, at most an
/// hour.
pub(crate) fn pause(now: Timestamp, attempt: i32) -> i64 {
    let doublings = u32::try_from(attempt.clamp(1, ATTEMPTS) - 1).unwrap_or_default();
    after(now, TimeDelta::seconds((30_i64 << doublings).min(3600)))
}
