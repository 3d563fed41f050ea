//! The end in two steps: drain, then abort.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Service;

/// The first error of a spawned part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure(Arc<Mutex<Option<anyhow::Error>>>);

impl Failure {
    /// Keeps the first error and logs the later ones, which would otherwise be lost.
    pub(crate) fn keep(&self, error: anyhow::Error) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_some() {
            tracing::error!(error = format!("{error:#}"), "another part failed");
        } else {
            *kept = Some(error);
        }
    }

    pub(crate) fn take(&self) -> Option<anyhow::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Watches for signals, and for a drain that exceeds its timeout.
pub(crate) fn watch(service: &Service) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let shutdown = service.shutdown.clone();
    let (name, limit) = (service.name, service.config.drain_timeout);
    tokio::spawn(async move {
        tokio::select! {
            signal = signals.next() => {
                tracing::info!(service = name, signal, "draining");
                shutdown.cancel();
            }
            () = shutdown.cancelled() => {}
        }
        tokio::select! {
            signal = signals.next() => abort(name, &format!("a second signal ({signal})")),
            () = tokio::time::sleep(limit) => abort(name, &too_long(limit)),
        }
    });
    Ok(())
}

fn too_long(limit: Duration) -> String {
    format!("draining took longer than {} s", limit.as_secs_f64())
}

/// Ends the process without unwinding: all open state must be safe against `kill -9` anyway.
fn abort(name: &str, reason: &str) {
    tracing::error!(
        service = name,
        reason,
        "ending without waiting for open work"
    );
    std::process::exit(1);
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
