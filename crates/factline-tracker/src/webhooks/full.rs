//! The webhooks for which as many deliveries wait as may.
//!
//! To count them costs more than to write a few. So it is done at an interval, and when more have
//! been written meanwhile.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

/// Time for which a count is used.
const INTERVAL: Duration = Duration::from_secs(5);

/// Maximum number of pending deliveries of a webhook, about. Beyond it, a webhook waits where it is
/// in the feed, until it is too far behind.
const MAX_PENDING: i64 = 10_000;

/// Number of deliveries after which they are counted before the interval ends.
const WRITTEN: usize = 1_000;

/// The webhooks that are full, as they were a moment ago.
#[derive(Debug, Default)]
pub(super) struct Full {
    counted: Option<Counted>,
}

#[derive(Debug)]
struct Counted {
    webhooks: Vec<Uuid>,
    at: Instant,
    /// Deliveries that were written since.
    written: usize,
}

impl Full {
    /// Returns the webhooks that are full.
    pub(super) async fn webhooks(&mut self, pool: &PgPool) -> Result<Vec<Uuid>, sqlx::Error> {
        let is_new = |one: &&Counted| one.at.elapsed() < INTERVAL && one.written < WRITTEN;
        if let Some(counted) = self.counted.as_ref().filter(is_new) {
            return Ok(counted.webhooks.clone());
        }
        let webhooks: Vec<Uuid> = sqlx::query_scalar(include_str!("full.sql"))
            .bind(MAX_PENDING)
            .fetch_all(pool)
            .await?;
        self.counted = Some(Counted {
            webhooks: webhooks.clone(),
            at: Instant::now(),
            written: 0,
        });
        Ok(webhooks)
    }

    /// Notes that deliveries were written.
    pub(super) fn written(&mut self, count: usize) {
        if let Some(counted) = &mut self.counted {
            counted.written += count;
        }
    }

    /// Makes the next call count: deliveries may have changed.
    pub(super) fn changed(&mut self) {
        self.counted = None;
    }
}
