//! Waits between two tries.

use std::time::Duration;

use rand::RngExt as _;

/// Waits that double, each between half and one and a half of it, so that many clients do not come back at the same
/// moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
    factor: u32,
}

impl Default for Backoff {
    /// From 25 ms to a second.
    fn default() -> Self {
        Self::new(Duration::from_millis(25), Duration::from_secs(1))
    }
}

impl Backoff {
    /// From the first wait to the longest.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            next: first.min(longest),
            longest,
            factor: 2,
        }
    }

    /// About 5 ms each time: for the few whose time is taken.
    pub fn eager() -> Self {
        let always = Duration::from_millis(5);
        Self {
            next: always,
            longest: always,
            factor: 1,
        }
    }

    /// Lets the waits grow as long as the other side suggests.
    pub(crate) fn at_longest(&mut self, suggested: Option<Duration>) {
        self.longest = self.longest.max(suggested.unwrap_or_default());
    }

    /// The next wait. `at_least` is what the other side asked for: nobody comes back before, nor all at once after.
    pub(crate) fn step(&mut self, at_least: Option<Duration>) -> Duration {
        let share = rand::rng().random_range(0.5..1.5);
        let wait = self.next.mul_f64(share);
        self.next = (self.next * self.factor).min(self.longest);
        at_least.map_or(wait, |at_least| at_least + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let mut backoff = Backoff::default();
        assert!(backoff.step(None) < Duration::from_millis(38));
        for _ in 0..20 {
            backoff.step(None);
        }
        let long = backoff.step(None);
        assert!(long >= Duration::from_millis(500) && long < Duration::from_millis(1500));
    }

    #[test]
    fn the_eager_stay_eager() {
        let mut backoff = Backoff::eager();
        backoff.at_longest(Some(Duration::from_secs(1)));
        for _ in 0..20 {
            assert!(backoff.step(None) < Duration::from_millis(8));
        }
    }

    #[test]
    fn what_was_asked_for_is_waited_for() {
        let asked = Duration::from_secs(7);
        assert!(Backoff::eager().step(Some(asked)) > asked);
    }
}
