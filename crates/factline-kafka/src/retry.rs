//! Waiting, before a part of a process begins, for servers that are away.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::consumer::readiness::Report;
use factline::error_chain;

/// Pauses between tries, from and to.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Tries until it succeeds, as long as trying again can help; readiness says why. None if stopped meanwhile.
pub async fn patiently<T, E, F>(
    (component, report): (&str, &Report),
    stop: &CancellationToken,
    is_transient: fn(&E) -> bool,
    mut attempt: impl FnMut() -> F,
) -> Result<Option<T>, E>
where
    E: std::error::Error,
    F: Future<Output = Result<T, E>>,
{
    let mut pause = PAUSE.0;
    loop {
        match attempt().await {
            Ok(value) => return Ok(Some(value)),
            Err(error) if is_transient(&error) => {
                let reason = error_chain(&error);
                tracing::warn!(component, reason, "waits to start");
                report(component, Err(reason));
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE.1),
        }
    }
}
