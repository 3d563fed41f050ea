//! A client's view of a sample of commands, by its own clock: the time until the operation is
//! completed, and the further time until the read API shows the order.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use factline_client::Client;
use serde_json::Value;

use crate::purchase::Purchase;

/// One purchase in this many is sampled; more would slow the others down.
const EVERY: u64 = 100;

/// A command that the store has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The purchase's source.
    pub source: String,
    /// Path of the operation.
    pub operation: String,
    /// Path of the order.
    pub order: String,
    /// Present for a sample of the commands.
    pub sample: Option<Sample>,
}

/// One command, as its client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Time from the 202 until a response has the state completed.
    pub completed: Duration,
    /// Time from that response until the read API shows the order.
    pub shown: Duration,
}

/// Returns true if this purchase is sampled.
pub fn is_due(purchase: &Purchase) -> bool {
    purchase.line.is_multiple_of(EVERY)
}

/// Follows a command that was just accepted. Returns none if it does not complete.
pub async fn take(client: &Client, sent: &Sent) -> Result<Option<Sample>> {
    let accepted = Instant::now();
    let ended = client.wait(&sent.operation).await;
    let operation = ended.with_context(|| sent.source.clone())?;
    let completed = accepted.elapsed();
    if operation.success != Some(true) {
        return Ok(None);
    }
    // The read itself waits until its view has reached the position.
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
