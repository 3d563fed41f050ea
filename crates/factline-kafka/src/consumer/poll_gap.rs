//! The longest time that a host's loop spends between two polls.
//!
//! Records wait for as long, and the group hears nothing of the member. What a loop does in between is to take seconds only for
//! the records at hand; whatever it asks besides is asked [beside it](crate::client::broker_queries).

use std::time::{Duration, Instant};

/// Minimum time for which a gap is reported; the maximum is twice as long.
const SHOWN: Duration = Duration::from_secs(30);

/// Measures one host, as the gauge `factline_poll_gap_seconds`.
#[derive(Debug)]
pub struct PollGap {
    host: String,
    /// Instant at which the last poll returned.
    returned: Option<Instant>,
    /// Since when `current` is the longest.
    since: Instant,
    current: Duration,
    previous: Duration,
}

impl PollGap {
    /// Of the host of this name.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            returned: None,
            since: Instant::now(),
            current: Duration::ZERO,
            previous: Duration::ZERO,
        }
    }

    /// The host polls.
    pub fn begins(&mut self) {
        let Some(returned) = self.returned else {
            return;
        };
        let gap = returned.elapsed();
        let rolls = self.since.elapsed() > SHOWN;
        if rolls {
            self.previous = std::mem::take(&mut self.current);
            self.since = Instant::now();
        }
        if gap > self.current || rolls {
            self.current = self.current.max(gap);
            metrics::gauge!("factline_poll_gap_seconds", "host" => self.host.clone())
                .set(self.current.max(self.previous).as_secs_f64());
        }
    }

    /// The poll has returned.
    pub fn ends(&mut self) {
        self.returned = Some(Instant::now());
    }
}
