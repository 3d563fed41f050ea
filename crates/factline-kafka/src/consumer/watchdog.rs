//! Whether a host goes on: a count that rises as it goes round, and somebody outside who looks at it.
//!
//! A client library can stop without a word, when its own thread stands still or a call of it does not return. The host's thread
//! cannot tell of that, and readiness keeps what was said last. So the process ends, and whoever supervises it starts another,
//! which begins with what is committed. librdkafka 2.12 was seen to stop so after a broker that stood still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longer than anything takes that a host waits for without going round.
pub const SILENCE: Duration = Duration::from_secs(75);

/// How often it is looked at within the time that a silence may last.
const GLANCES: u32 = 15;

/// The pulse of one host.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The host goes on.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends when the host has not gone on for so long. Time in which the whole process stood still does not count.
    pub async fn stops(&self, silence: Duration) {
        let (mut last, mut still) = (self.0.load(Ordering::Relaxed), 0);
        while still < GLANCES {
            tokio::time::sleep(silence / GLANCES).await;
            let now = self.0.load(Ordering::Relaxed);
            still = if now == last { still + 1 } else { 0 };
            last = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_goes_on_is_not_silent_and_who_does_not_is() {
        let (pulse, silence) = (Pulse::default(), Duration::from_secs(1));
        let goes_on = async {
            for _ in 0..150 {
                pulse.beat();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = pulse.stops(silence) => panic!("it goes on"),
            () = goes_on => {}
        }
        pulse.stops(silence).await;
    }
}
