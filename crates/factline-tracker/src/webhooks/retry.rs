//! The times of further attempts.

use std::str::FromStr;
use std::time::Duration;

/// Part of a wait by which it is longer or shorter at random, so that the events of an outage do
/// not come back at the same time.
const JITTER: f64 = 0.1;

/// The waits before each further attempt.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schedule(Vec<Duration>);

/// A text that is not a schedule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not seconds from 0 to 86400, joined by commas")]
pub struct InvalidSchedule;

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let waits = text.split(',').map(factline_service::config::seconds);
        let waits: Result<Vec<_>, _> = waits.collect();
        waits.map(Self).map_err(|_| InvalidSchedule)
    }
}

impl Schedule {
    /// Returns the wait after this number of attempts, or none if there was the last one. A
    /// receiver can ask for a longer wait, up to the longest one of the schedule. `chance` is a
    /// number from 0 to 1.
    pub fn after(&self, tries: i32, asked: Option<Duration>, chance: f64) -> Option<Duration> {
        let index = usize::try_from(tries).ok()?.checked_sub(1)?;
        let wait = *self.0.get(index)?;
        let wait = wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0));
        Some(wait.max(self.bounded(asked.unwrap_or_default())))
    }

    /// Returns a wait that a receiver asks for, or the longest one of the schedule.
    pub fn bounded(&self, asked: Duration) -> Duration {
        asked.min(self.0.iter().max().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_are_those_of_the_schedule_or_longer_if_asked() {
        let schedule: Schedule = "5,300".parse().unwrap();
        let seconds = Duration::from_secs;
        assert_eq!(schedule.after(1, None, 0.5), Some(seconds(5)));
        assert_eq!(schedule.after(2, None, 0.5), Some(seconds(300)));
        assert_eq!(schedule.after(3, None, 0.5), None);
        let asked = |asked| schedule.after(1, Some(seconds(asked)), 0.5);
        assert_eq!(asked(1), Some(seconds(5)));
        assert_eq!(asked(120), Some(seconds(120)));
        assert_eq!(asked(1_000_000), Some(seconds(300)));
        for text in ["", "5,", "5,x", "-1", "86401"] {
            assert_eq!(text.parse::<Schedule>(), Err(InvalidSchedule), "{text}");
        }
    }

    proptest! {
        #[test]
        fn jitter_is_a_tenth(wait in 0_u32..86_400, chance in 0.0..=1.0) {
            let schedule: Schedule = wait.to_string().parse().unwrap();
            let after = schedule.after(1, None, chance).unwrap().as_secs_f64();
            let wait = f64::from(wait);
            prop_assert!(after >= wait * 0.899 && after <= wait * 1.101);
        }
    }
}
