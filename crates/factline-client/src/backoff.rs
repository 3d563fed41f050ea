//! Waits between two attempts.
//!
//! `factline_kafka::retry` has the same for processes that use Kafka. A client must not depend on a
//! Kafka library, and its waits follow what the service suggests (`Retry-After`). So it has its
//! own.

use std::time::Duration;

use rand::RngExt as _;

/// Waits that double. Each is jittered between half and one and a half of its value, so that many
/// clients do not retry at the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
    factor: u32,
}

impl Default for Backoff {
    /// Waits from 25 ms to one second.
    fn default() -> Self {
        Self::new(Duration::from_millis(25), Duration::from_secs(1))
    }
}

impl Backoff {
    /// Creates waits from the first to the longest.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            next: first.min(longest),
            longest,
            factor: 2,
        }
    }

    /// Creates waits of about 5 ms each, for callers that measure latency.
    pub fn eager() -> Self {
        let always = Duration::from_millis(5);
        Self {
            next: always,
            longest: always,
            factor: 1,
        }
    }

    /// Raises the longest wait to the one that the service suggests.
    pub(crate) fn at_longest(&mut self, suggested: Option<Duration>) {
        self.longest = self.longest.max(suggested.unwrap_or_default());
    }

    /// Returns the next wait. `at_least` is the wait that the service asked for: no client retries
    /// before it, and clients do not all retry at once after it.
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
    fn backoff_grows_up_to_the_longest_wait() {
        let mut backoff = Backoff::default();
        assert!(backoff.step(None) < Duration::from_millis(38));
        for _ in 0..20 {
            backoff.step(None);
        }
        let long = backoff.step(None);
        assert!(long >= Duration::from_millis(500) && long < Duration::from_millis(1500));
    }

    #[test]
    fn eager_backoff_does_not_grow() {
        let mut backoff = Backoff::eager();
        backoff.at_longest(Some(Duration::from_secs(1)));
        for _ in 0..20 {
            assert!(backoff.step(None) < Duration::from_millis(8));
        }
    }

    #[test]
    fn backoff_waits_at_least_the_requested_time() {
        let asked = Duration::from_secs(7);
        assert!(Backoff::eager().step(Some(asked)) > asked);
    }
}
