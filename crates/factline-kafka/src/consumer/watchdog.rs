//! Watchdog: ends the process when the host loop stops making progress.
//!
//! A client library can stop without an error, when its own thread stalls or one of its calls does
//! not return. The host's thread cannot report that, and readiness keeps its last value. So a task
//! outside the host watches a counter that each turn of the host increments. When the counter
//! stops, the process ends, and its supervisor starts a new one, which continues from the committed
//! state. librdkafka 2.12 was seen to stop in this way after a broker had stalled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Maximum time without a beat: longer than any call that a host waits for within one turn.
pub const SILENCE: Duration = Duration::from_secs(75);

/// Number of checks within the maximum time.
const CHECKS: u32 = 15;

/// The watchdog of one host. Clones share the counter.
#[derive(Debug, Clone, Default)]
pub struct Watchdog(Arc<AtomicU64>);

impl Watchdog {
    /// Records that the host makes progress.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns when the host has not made progress for `silence`. Time in which the whole process
    /// was stopped does not count.
    pub async fn stalled(&self, silence: Duration) {
        let (mut last, mut still) = (self.0.load(Ordering::Relaxed), 0);
        while still < CHECKS {
            tokio::time::sleep(silence / CHECKS).await;
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
    async fn watchdog_ends_only_without_beats() {
        let (watchdog, silence) = (Watchdog::default(), Duration::from_secs(1));
        let beats = async {
            for _ in 0..150 {
                watchdog.beat();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = watchdog.stalled(silence) => panic!("a host that beats is not stalled"),
            () = beats => {}
        }
        watchdog.stalled(silence).await;
    }
}
