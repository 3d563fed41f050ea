//! Asynchronous libraries behind a blocking interface.

use std::thread;

use anyhow::{Context, Result, anyhow};

/// Runs `work` to its end. It runs on a separate thread, because a test may already be inside a
/// runtime, where blocking on another one panics.
pub(crate) fn block_on<T: Send>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("cannot start a runtime")?
                .block_on(work)
        });
        worker
            .join()
            .map_err(|_| anyhow!("a call to a server panicked"))?
    })
}
