//! Whether a client finds brokers, and since when it has found none.

use std::time::{Duration, Instant};

use rdkafka::Statistics;

/// How long a client may find no broker before another one is made. Where there is none, the other one finds none either.
///
/// librdkafka 2.12 can wait for ever for a coordinator without connecting to anybody who could tell: its one broker is
/// known, and nobody asks for a connection.
const CUT_OFF: Duration = Duration::from_secs(30);

/// What a client's statistics say of its brokers.
#[derive(Debug, Default)]
pub struct Brokers {
    down_since: Option<Instant>,
}

impl Brokers {
    /// Takes what librdkafka has measured.
    pub fn measured(&mut self, statistics: &Statistics) {
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

    /// Whether none was reachable when librdkafka looked last.
    pub fn are_down(&self) -> bool {
        self.down_since.is_some()
    }

    /// Whether none has been reachable for so long that a new client should try.
    pub fn are_cut_off(&self) -> bool {
        self.down_since
            .is_some_and(|since| since.elapsed() > CUT_OFF)
    }
}
