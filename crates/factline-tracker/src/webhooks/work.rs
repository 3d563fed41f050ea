//! The work of an instance: it writes deliveries from the feed, sends them, and writes the results.
//!
//! The requests run beside each other, and everything that needs the database runs in one loop. So
//! webhooks use one connection, however many requests are under way. Without a webhook the loop
//! only waits, and with one it looks at the feed when it moves and when a delivery is due.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use sqlx::{FromRow, PgPool};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::contracts::Resources;

use super::Webhooks;
use super::attempt::{Message, Sender};
use super::claim::{self, Claimed};
use super::enqueue::{self, INTERVAL, Progress};
use super::finish::{self, Attempted};
use super::full::Full;
use super::trim::{self, Trimmed};

/// Pause after the database did not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Maximum time that a shutdown waits for requests that are under way. The others are sent again by
/// another instance.
const DRAIN: Duration = Duration::from_secs(5);

/// The shortest lease of a delivery.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// Sends events until shutdown.
pub async fn run(
    webhooks: Webhooks,
    pool: PgPool,
    resources: Resources,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut work = Work {
        webhooks,
        pool,
        resources,
        known: None,
        feed_moved: true,
        full: Full::default(),
        looked: Instant::now(),
        trim_at: None,
        under_way: HashMap::new(),
        attempts: JoinSet::new(),
        results: Vec::new(),
    };
    shutdown.run_until_cancelled(work.rounds()).await;
    work.drain().await;
    Ok(())
}

/// The webhooks that there are.
#[derive(Debug, Clone, Copy, FromRow)]
struct Known {
    /// Set if there are webhooks or deliveries of deleted ones.
    any: bool,
    /// Set if one is active.
    active: bool,
}

struct Work {
    webhooks: Webhooks,
    pool: PgPool,
    resources: Resources,
    /// None if webhooks may have changed.
    known: Option<Known>,
    feed_moved: bool,
    full: Full,
    /// The time of the last look at the feed.
    looked: Instant,
    /// The time of the next deletions. None without a webhook, or if they are due.
    trim_at: Option<Instant>,
    /// The webhook of each attempt that is under way.
    under_way: HashMap<Id, Uuid>,
    attempts: JoinSet<Attempted>,
    /// Results that are not written yet.
    results: Vec<Attempted>,
}

impl Work {
    async fn rounds(&mut self) {
        // The listener tells when it begins. A webhook that is registered later is not missed.
        self.webhooks.0.changed.notified().await;
        loop {
            match self.round().await {
                Ok(wait) => self.wait(wait).await,
                Err(error) => {
                    log(&error);
                    self.known = None;
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Does what there is to do. Returns the time after which there may be more, or none if only
    /// news bring more.
    async fn round(&mut self) -> Result<Option<Duration>, sqlx::Error> {
        self.write_results().await?;
        let known = match self.known {
            Some(known) => known,
            None => *self.known.insert(known(&self.pool).await?),
        };
        if !known.any {
            if self.trim_at.is_some() {
                trim::publish(&self.pool).await?;
                self.trim_at = None;
            }
            return Ok(None);
        }
        // A fault of these two does not hold up deliveries that are written already.
        let mut wait = self.trim().await;
        if !known.active {
            return Ok(Some(wait));
        }
        wait = wait.min(self.enqueue().await);
        self.begin().await?;
        if let Some(due) = claim::next_due(&self.pool).await? {
            wait = wait.min(due);
        }
        Ok(Some(wait))
    }

    /// Deletes what has ended long ago, if it is time. Returns the time until the next deletions.
    async fn trim(&mut self) -> Duration {
        let now = Instant::now();
        if let Some(at) = self.trim_at.filter(|at| *at > now) {
            return at - now;
        }
        let days = self.webhooks.0.options.webhook_retention_days;
        let pause = match trim::round(&self.pool, days).await {
            Ok(Trimmed::Part) => trim::PAUSE,
            Ok(Trimmed::All) => trim::INTERVAL,
            Err(error) => {
                log(&error);
                trim::INTERVAL
            }
        };
        self.trim_at = Some(Instant::now() + pause);
        if let Err(error) = trim::publish(&self.pool).await {
            log(&error);
        }
        // Some may be deleted now.
        self.known = None;
        pause
    }

    /// Writes deliveries from the feed, if it may have moved. Returns the time after which there
    /// may be more.
    async fn enqueue(&mut self) -> Duration {
        if !self.feed_moved && self.looked.elapsed() < INTERVAL {
            return INTERVAL;
        }
        self.looked = Instant::now();
        let done = enqueue::round(&self.pool, &self.resources, &mut self.full).await;
        self.feed_moved = !matches!(done, Ok(Progress::AtEnd));
        match done {
            Ok(Progress::AtEnd) => INTERVAL,
            Ok(Progress::More) => Duration::ZERO,
            Err(error) => {
                log(&error);
                RETRY_PAUSE
            }
        }
    }

    /// Begins to send deliveries that are due.
    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let mut busy = HashMap::new();
        for webhook in self.under_way.values() {
            *busy.entry(*webhook).or_insert(0) += 1;
        }
        let lease = (self.webhooks.0.options.webhook_timeout * 2).max(SHORTEST_LEASE);
        for delivery in claim::claim(&self.pool, &busy, lease).await? {
            let webhook = delivery.webhook;
            let sender = self.webhooks.0.sender.clone();
            let attempt = self.attempts.spawn(attempt(sender, delivery));
            self.under_way.insert(attempt.id(), webhook);
        }
        Ok(())
    }

    async fn wait(&mut self, wait: Option<Duration>) {
        let shared = &self.webhooks.0;
        let is_active = self.known.is_none_or(|known| known.active);
        tokio::select! {
            () = shared.changed.notified() => {
                self.known = None;
                self.feed_moved = true;
                self.full.changed();
            }
            () = shared.feed.notified(), if is_active => self.feed_moved = true,
            Some(ended) = self.attempts.join_next_with_id() => self.take(ended),
            () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
        }
        while let Some(ended) = self.attempts.try_join_next_with_id() {
            self.take(ended);
        }
    }

    fn take(&mut self, ended: Result<(Id, Attempted), JoinError>) {
        match ended {
            Ok((id, attempted)) => {
                self.under_way.remove(&id);
                self.results.push(attempted);
            }
            // It is due again at the end of its lease.
            Err(error) => {
                self.under_way.remove(&error.id());
                tracing::error!(%error, "an attempt to send an event has broken off");
            }
        }
    }

    async fn write_results(&mut self) -> Result<(), sqlx::Error> {
        if self.results.is_empty() {
            return Ok(());
        }
        let options = &self.webhooks.0.options;
        let (schedule, days) = (&options.webhook_retries, options.webhook_disable_days);
        if finish::write(&self.pool, &self.results, schedule, days).await? > 0 {
            self.known = None;
        }
        self.results.clear();
        Ok(())
    }

    /// Waits for a moment for the requests that are under way.
    async fn drain(mut self) {
        let ended = async {
            while let Some(ended) = self.attempts.join_next_with_id().await {
                self.take(ended);
            }
        };
        // The others are sent again, so it does not matter whether the time ended.
        let _ = timeout(DRAIN, ended).await;
        if let Err(error) = self.write_results().await {
            let error: &dyn Error = &error;
            tracing::warn!(
                error,
                "cannot write the results of events; they are sent again"
            );
        }
    }
}

fn log(error: &sqlx::Error) {
    let error: &dyn Error = error;
    tracing::warn!(error, "cannot work on webhooks; retrying");
}

async fn known(pool: &PgPool) -> Result<Known, sqlx::Error> {
    sqlx::query_as(
        "select exists (select 1 from operations.webhook) as any, \
                exists (select 1 from operations.webhook where state = 'active') as active",
    )
    .fetch_one(pool)
    .await
}

async fn attempt(sender: Sender, delivery: Claimed) -> Attempted {
    let answer = sender
        .send(&Message {
            url: &delivery.url,
            id: delivery.id,
            body: &delivery.body,
            secrets: &delivery.secrets,
        })
        .await;
    match answer {
        Ok(answer) => Attempted {
            delivery,
            error: (!answer.status.is_success()).then(|| format!("status {}", answer.status)),
            status: Some(answer.status),
            retry_after: answer.retry_after,
        },
        Err(error) => Attempted {
            delivery,
            status: None,
            error: Some(error),
            retry_after: None,
        },
    }
}
