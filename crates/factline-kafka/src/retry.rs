//! Retries: growing pauses with jitter, and the start of a process while servers are unavailable.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::consumer::readiness::Component;
use factline::error_chain;

/// Pauses between retries. Each is twice as long as the one before, up to a maximum, and up to a
/// quarter shorter at random, so that processes that failed together do not retry together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts with the first pause and never exceeds the longest.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// Returns the next pause.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        pause.mul_f64(1.0 - random_fraction() / 4.0)
    }

    /// Starts again with the first pause, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Returns a number between 0 and 1. The hasher's keys are random enough for a pause.
#[expect(clippy::cast_precision_loss, reason = "a fraction is a rough figure")]
pub(crate) fn random_fraction() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

/// Retries until the attempt succeeds, while the error is transient, and reports the reason to
/// readiness. Returns `None` if it is stopped meanwhile.
pub async fn retry_until_stopped<T, E, F>(
    component: &Component,
    stop: &CancellationToken,
    is_transient: fn(&E) -> bool,
    mut attempt: impl FnMut() -> F,
) -> Result<Option<T>, E>
where
    E: std::error::Error,
    F: Future<Output = Result<T, E>>,
{
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    loop {
        match attempt().await {
            Ok(value) => return Ok(Some(value)),
            Err(error) if is_transient(&error) => {
                let reason = error_chain(&error);
                let name = component.name();
                tracing::warn!(component = name, reason, "start delayed; retrying");
                component.report(Err(reason));
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(backoff.pause()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_again() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_millis(400));
        let mut backoff = Backoff::new(first, longest);
        for whole in [1, 2, 4, 4] {
            let (pause, whole) = (backoff.pause(), first * whole);
            assert!(pause <= whole && pause >= whole.mul_f64(0.75), "{pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= first);
    }

    #[test]
    fn pauses_differ() {
        let pauses: std::collections::BTreeSet<Duration> = (0..20)
            .map(|_| Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).pause())
            .collect();
        assert!(pauses.len() > 1);
    }
}
