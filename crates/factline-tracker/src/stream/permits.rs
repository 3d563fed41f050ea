//! The number of open streams is limited: each needs a connection.

use std::sync::Arc;

use factline_http::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for open streams.
#[derive(Debug, Clone)]
pub struct Streams(Arc<Semaphore>);

impl Streams {
    /// Permits this number of open streams.
    pub fn new(most: u32) -> Self {
        Self(Arc::new(Semaphore::new(most as usize)))
    }

    pub(super) fn open(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit.map_err(|_| Problem::unavailable("too many streams are open", 5))
    }
}
