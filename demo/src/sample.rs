//! What a client sees of a few commands, by its own clock: when the operation is completed, and how much later the
//! read API shows the order.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use factline_client::{Backoff, Client};
use serde_json::Value;

use crate::purchase::Purchase;
use crate::sending::Sent;

/// One purchase in so many is watched; more would slow the others down.
const EVERY: u64 = 100;

/// One command, as its client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// From the 202 until an answer says completed.
    pub completed: Duration,
    /// From that answer until the read API shows the order.
    pub shown: Duration,
}

/// Whether this purchase is watched.
pub fn is_due(purchase: &Purchase) -> bool {
    purchase.line.is_multiple_of(EVERY)
}

/// Watches a command that was just accepted. None if it is not completed.
pub async fn take(client: &Client, sent: &Sent) -> Result<Option<Sample>> {
    let accepted = Instant::now();
    let ended = client.wait_with(&sent.operation, Backoff::eager()).await;
    let operation = ended.with_context(|| sent.source.clone())?;
    let completed = accepted.elapsed();
    if operation.success != Some(true) {
        return Ok(None);
    }
    // The read waits by itself until its view has come so far.
    let order: Option<Value> = client
        .read(&sent.order, operation.position.as_deref())
        .await?;
    order.with_context(|| {
        format!(
            "{} is completed but not readable at its position",
            sent.source
        )
    })?;
    Ok(Some(Sample {
        completed,
        shown: accepted.elapsed().saturating_sub(completed),
    }))
}
