//! Samples of the time from the acceptance of a command until every view that consumes its events
//! shows them.
//!
//! No row says when a view has shown an event. So this task takes the newest completed operation of
//! some types of commands, at most once a second, and looks at the checkpoints whenever one has
//! moved. After a second it looks once a second, so that a stalled view costs little.
//! Without traffic it reads nothing. The samples are those of this process, since its start.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use factline::Timestamp;
use sqlx::{FromRow, PgPool};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Views;

/// Shortest time between two samples of a type.
const INTERVAL: Duration = Duration::from_secs(1);

/// Time between two looks at the checkpoints in the first second of a sample, in case a
/// notification is lost with its connection. Also the pause after a look that found no operation.
const LOOK: Duration = Duration::from_millis(50);

/// Time after which a sample that is not visible yet counts as it is.
const LONGEST: Duration = Duration::from_mins(1);

/// Maximum number of types that are sampled at the same time. They are chosen at random.
const TYPES: i64 = 20;

/// Samples that are kept of each type, and types that are kept. Any client may write a command of
/// any type.
const KEPT: (usize, usize) = (1_000, 200);

/// The samples of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    moved: Arc<Notify>,
    taken: Arc<Mutex<HashMap<String, OfType>>>,
}

/// The time of each sample of a type and its seconds, the oldest first.
type OfType = VecDeque<(Timestamp, f64)>;

/// A completed operation.
#[derive(Debug, FromRow)]
struct Completed {
    name: String,
    position: String,
    created_at: Timestamp,
}

impl Samples {
    /// Makes the task look: a checkpoint has moved.
    pub(crate) fn changed(&self) {
        self.moved.notify_one();
    }

    /// Returns the seconds of the samples since a time, by type of command.
    pub(crate) fn since(&self, since: Timestamp) -> HashMap<String, Vec<f64>> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_type = |(name, samples): (&String, &OfType)| {
            let newer = samples.iter().filter(|(at, _)| *at >= since);
            let seconds: Vec<f64> = newer.map(|(_, seconds)| *seconds).collect();
            (!seconds.is_empty()).then(|| (name.clone(), seconds))
        };
        taken.iter().filter_map(of_type).collect()
    }

    fn take(&self, operation: &Completed) {
        let now = Utc::now();
        let seconds = (now - operation.created_at).as_seconds_f64().max(0.0);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (samples, types) = KEPT;
        if taken.len() >= types && !taken.contains_key(&operation.name) {
            return;
        }
        let of_type = taken.entry(operation.name.clone()).or_default();
        if of_type.len() >= samples {
            of_type.pop_front();
        }
        of_type.push_back((now, seconds));
        let name = operation.name.clone();
        metrics::histogram!("factline_operation_visible_seconds", "command" => name)
            .record(seconds);
    }

    /// Takes samples until shutdown.
    ///
    /// # Errors
    /// Never: a database that does not answer is asked again.
    pub async fn run(
        self,
        pool: PgPool,
        views: Views,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let sampling = async {
            loop {
                self.moved.notified().await;
                let begun = Instant::now();
                match self.sample(&pool, &views).await {
                    Ok(true) => {
                        sleep(INTERVAL.saturating_sub(begun.elapsed())).await;
                        // What has moved meanwhile is not new any more.
                        let _ = timeout(Duration::ZERO, self.moved.notified()).await;
                    }
                    // The next notification may be that of a completion.
                    Ok(false) => sleep(LOOK).await,
                    Err(error) => {
                        log(&error);
                        sleep(INTERVAL).await;
                    }
                }
            }
        };
        shutdown.run_until_cancelled(sampling).await;
        Ok(())
    }

    /// Takes one sample of each type that has just completed. Returns whether there was one.
    async fn sample(&self, pool: &PgPool, views: &Views) -> Result<bool, sqlx::Error> {
        let mut waiting: Vec<Completed> = sqlx::query_as(
            "select * from ( \
                 select distinct on (name) name, position, created_at from ( \
                     select name, position, created_at, updated_at from operations.operation \
                     where rank = 2 and state = 'completed' and position is not null \
                       and updated_at > now() - interval '1 second' \
                     order by updated_at desc limit 200) as newest \
                 order by name, updated_at desc) as of_types \
             order by random() limit $1",
        )
        .bind(TYPES)
        .fetch_all(pool)
        .await?;
        if waiting.is_empty() {
            return Ok(false);
        }
        let begun = Instant::now();
        loop {
            let mut still = Vec::new();
            for operation in waiting {
                let position = operation.position.parse().unwrap_or_default();
                let shown = views.show(pool, &position).await?;
                if shown.values().all(|is_visible| *is_visible) {
                    // Without a view of its events, there is nothing to see.
                    if !shown.is_empty() {
                        self.take(&operation);
                    }
                } else if begun.elapsed() > LONGEST {
                    self.take(&operation);
                } else {
                    still.push(operation);
                }
            }
            waiting = still;
            if waiting.is_empty() {
                break;
            }
            if begun.elapsed() < INTERVAL {
                let _ = timeout(LOOK, self.moved.notified()).await;
            } else {
                sleep(INTERVAL).await;
            }
        }
        Ok(true)
    }
}

fn log(error: &sqlx::Error) {
    let error: &dyn Error = error;
    tracing::debug!(error, "cannot sample when operations are visible; retrying");
}
