//! Waits for conditions. A test never sleeps for a fixed time instead.

use std::time::{Duration, Instant};

/// Maximum duration of each wait.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Pause between two checks of a condition.
const INTERVAL: Duration = Duration::from_millis(50);

/// Waits for a condition.
///
/// # Panics
/// If the condition does not become true in time.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "timed out waiting until {what}");
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Waits until `look` returns a value, and returns the value.
///
/// # Panics
/// If there is no value in time.
pub async fn found<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut value = None;
    eventually(&format!("there is {what}"), async || {
        value = look().await;
        value.is_some()
    })
    .await;
    value.unwrap()
}
