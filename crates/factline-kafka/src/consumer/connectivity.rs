//! Connectivity of a client to its brokers, and the time since when no broker has been reachable.

use std::time::{Duration, Instant};

use rdkafka::Statistics;

/// Maximum time for which a client may find no broker before the host creates a new client. If no
/// broker is available, the new client finds none either.
///
/// librdkafka 2.12 can wait for a coordinator for ever without connecting to any broker that could
/// name it: the client knows one broker, and nothing requests a connection to it.
const CUT_OFF_AFTER: Duration = Duration::from_secs(30);

/// Broker connectivity, taken from a client's statistics.
#[derive(Debug, Default)]
pub struct Connectivity {
    down_since: Option<Instant>,
}

impl Connectivity {
    /// Updates the connectivity from librdkafka's statistics.
    pub fn update(&mut self, statistics: &Statistics) {
        if statistics
            .brokers
            .values()
            .any(|broker| broker.state == "UP")
        {
            self.down_since = None;
        } else {
            self.down_since.get_or_insert_with(Instant::now);
        }
    }

    /// Returns whether no broker was reachable in the last statistics.
    pub fn is_down(&self) -> bool {
        self.down_since.is_some()
    }

    /// Returns whether no broker has been reachable for longer than 30 s, so that a new client
    /// should try.
    pub fn is_cut_off(&self) -> bool {
        self.down_since
            .is_some_and(|since| since.elapsed() > CUT_OFF_AFTER)
    }
}
