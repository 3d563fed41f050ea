//! `GET /operations/statistics`: rates, outcomes and times of the newest commands, by type.
//!
//! They are computed from the rows when they are asked for, and at an interval for metrics. At most
//! [`MAX_READ`] operations are read, the newest ones: under high load the answer is about a shorter
//! time than was asked for, and says so. What is open is counted whole.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{TimeDelta, Utc};
use factline::Timestamp;
use factline_http::{Problem, Query, etag};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::answers::{Answers, database};
use crate::shown::instant;

/// Seconds of the window: by default, and at most.
pub(crate) const WINDOW: (i64, i64) = (300, 86_400);

/// Maximum number of operations that are read.
const MAX_READ: i64 = 100_000;

/// Interval of the metrics, and the time that they are about.
const INTERVAL: Duration = Duration::from_secs(30);

/// Maximum number of types of commands in metrics. Any client may write a command of any type.
const MAX_TYPES: usize = 200;

/// The name of the schema of the statistics.
pub(crate) const STATISTICS: &str = "OperationStatistics";

/// The query.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    window: Option<String>,
}

/// Statistics of the newest operations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statistics {
    /// The time since which the operations were accepted.
    #[schema(format = DateTime)]
    since: String,
    /// The time of the statistics.
    #[schema(format = DateTime)]
    until: String,
    /// A figure for each type of command that was accepted in that time or is open.
    commands: Vec<CommandStatistics>,
}

/// Statistics of one type of command.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommandStatistics {
    /// The type of the command, or the name of the deadline.
    name: String,
    /// Commands accepted in that time.
    #[schema(minimum = 0)]
    accepted: i64,
    /// Commands accepted per second.
    #[schema(minimum = 0)]
    per_second: f64,
    /// Of those accepted, by their end.
    ended: EndCounts,
    /// Seconds from acceptance to the end; null if none has ended.
    #[schema(required)]
    seconds: Option<Percentiles>,
    /// Seconds from acceptance until all views show what the command led to, from samples of this
    /// instance; null if none was taken.
    #[schema(required)]
    visible_seconds: Option<Percentiles>,
    /// Commands that are pending, of whatever age.
    #[schema(minimum = 0)]
    pending: i64,
    /// Workflows that are running, of whatever age.
    #[schema(minimum = 0)]
    running: i64,
    /// The acceptance of the oldest pending command.
    #[schema(format = DateTime, required)]
    oldest_pending: Option<String>,
    #[serde(skip)]
    oldest: Option<Timestamp>,
}

/// Numbers of operations by their end.
#[derive(Debug, Serialize, ToSchema, FromRow)]
pub(crate) struct EndCounts {
    #[schema(minimum = 0)]
    completed: i64,
    #[schema(minimum = 0)]
    rejected: i64,
    #[schema(minimum = 0)]
    failed: i64,
    #[schema(minimum = 0)]
    timed_out: i64,
    #[schema(minimum = 0)]
    cancelled: i64,
}

/// Percentiles of a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Percentiles {
    /// Half of the operations took at most this time.
    #[schema(minimum = 0)]
    p50: f64,
    /// Ninety-nine in a hundred took at most this time.
    #[schema(minimum = 0)]
    p99: f64,
}

impl Percentiles {
    /// Returns the percentiles of these times; none if there are none.
    fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let place = seconds.len() * percent / 100;
            seconds
                .get(place.min(seconds.len().checked_sub(1)?))
                .copied()
        };
        Some(Self {
            p50: at(50)?,
            p99: at(99)?,
        })
    }
}

#[derive(Debug, FromRow)]
struct Row {
    name: String,
    accepted: i64,
    #[sqlx(flatten)]
    ended: EndCounts,
    p50: Option<f64>,
    p99: Option<f64>,
    pending: i64,
    running: i64,
    oldest_pending: Option<Timestamp>,
    read: i64,
    since: Option<Timestamp>,
}

pub(crate) async fn statistics(
    State(answers): State<Answers>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let window = window(wanted.window.as_deref())?;
    let now = Utc::now();
    let statistics = read(&answers.pool, now - window, now).await;
    let mut statistics = statistics.map_err(|error| database(&error))?;
    let mut samples = answers.samples.since(now - window);
    for of_type in &mut statistics.commands {
        let seconds = samples.remove(&of_type.name);
        of_type.visible_seconds = seconds.and_then(Percentiles::of);
    }
    etag::json(&headers, &statistics)
}

/// Sets the metrics at an interval, until shutdown.
pub(crate) async fn run(pool: PgPool, shutdown: CancellationToken) -> anyhow::Result<()> {
    let rounds = async {
        // A type that is gone is set to zero once more.
        let mut known = BTreeSet::new();
        loop {
            sleep(INTERVAL).await;
            let now = Utc::now();
            match read(&pool, now - INTERVAL, now).await {
                Ok(statistics) => known = measure(&statistics, now, &known),
                Err(error) => {
                    let error: &dyn Error = &error;
                    tracing::warn!(
                        error,
                        "cannot read the statistics; retrying in the next round"
                    );
                }
            }
        }
    };
    shutdown.run_until_cancelled(rounds).await;
    Ok(())
}

/// Sets the metrics of the types of commands. Returns the types. Those that were known before and
/// are gone have nothing open.
fn measure(statistics: &Statistics, now: Timestamp, before: &BTreeSet<String>) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for of_type in statistics.commands.iter().take(MAX_TYPES) {
        let age = of_type.oldest.map(|oldest| (now - oldest).as_seconds_f64());
        set(
            &of_type.name,
            of_type.pending,
            age.unwrap_or_default().max(0.0),
        );
        if let Some(seconds) = &of_type.seconds {
            let name = of_type.name.clone();
            metrics::gauge!("factline_operation_p99_seconds", "command" => name).set(seconds.p99);
        }
        known.insert(of_type.name.clone());
    }
    for gone in before.difference(&known) {
        set(gone, 0, 0.0);
    }
    known
}

fn set(command: &str, pending: i64, age: f64) {
    #[expect(clippy::cast_precision_loss, reason = "a count is far below 2^52")]
    let pending = pending as f64;
    metrics::gauge!("factline_operations_pending", "command" => command.to_owned()).set(pending);
    metrics::gauge!("factline_operations_oldest_pending_seconds", "command" => command.to_owned())
        .set(age);
}

/// Reads the parameter `window`.
fn window(text: Option<&str>) -> Result<TimeDelta, Problem> {
    let (default, most) = WINDOW;
    let seconds = match text {
        None => Some(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|seconds| (1..=most).contains(seconds)),
    };
    seconds.map(TimeDelta::seconds).ok_or_else(|| {
        Problem::invalid_request().parameter(
            "window",
            format!("must be a whole number of seconds from 1 to {most}"),
        )
    })
}

/// Reads the statistics of the operations that were accepted since a time.
pub(crate) async fn read(
    pool: &PgPool,
    since: Timestamp,
    now: Timestamp,
) -> Result<Statistics, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(include_str!("statistics.sql"))
        .bind(since)
        .bind(MAX_READ)
        .fetch_all(pool)
        .await?;
    // If not all were read, the oldest that was read is the beginning.
    let cut = rows.first().filter(|row| row.read >= MAX_READ);
    let since = cut.and_then(|row| row.since).unwrap_or(since);
    let seconds = (now - since).as_seconds_f64().max(0.001);
    Ok(Statistics {
        since: instant(since),
        until: instant(now),
        commands: rows.into_iter().map(|row| row.shown(seconds)).collect(),
    })
}

impl Row {
    fn shown(self, window: f64) -> CommandStatistics {
        #[expect(clippy::cast_precision_loss, reason = "a count is far below 2^52")]
        let per_second = self.accepted as f64 / window;
        CommandStatistics {
            name: self.name,
            accepted: self.accepted,
            per_second,
            ended: self.ended,
            seconds: self
                .p50
                .zip(self.p99)
                .map(|(p50, p99)| Percentiles { p50, p99 }),
            visible_seconds: None,
            pending: self.pending,
            running: self.running,
            oldest_pending: self.oldest_pending.map(instant),
            oldest: self.oldest_pending,
        }
    }
}
