//! The longest time that a host's loop spends between two polls.
//!
//! During that time records wait, and the group hears nothing from the member. Between two polls, a
//! loop may spend seconds only on the records that it has. All other queries are sent [outside the
//! loop](crate::client::broker_queries).

use std::time::{Duration, Instant};

/// Minimum time for which a gap is reported; the maximum is twice as long.
const SHOWN: Duration = Duration::from_secs(30);

/// Measurement of one host's poll gap, as the gauge `factline_poll_gap_seconds`.
#[derive(Debug)]
pub struct PollGap {
    host: String,
    /// Instant at which the last poll returned.
    returned: Option<Instant>,
    /// Instant since which `current` is the longest gap.
    since: Instant,
    current: Duration,
    previous: Duration,
}

impl PollGap {
    /// Creates the measurement for the host of this name.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            returned: None,
            since: Instant::now(),
            current: Duration::ZERO,
            previous: Duration::ZERO,
        }
    }

    /// Records that the host begins to poll.
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

    /// Records that the poll has returned.
    pub fn ends(&mut self) {
        self.returned = Some(Instant::now());
    }
}
