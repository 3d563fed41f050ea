//! Snapshots for requests. Errors of the database or the position are returned as problems.

use axum::http::{HeaderMap, StatusCode, header};
use factline_http::{Problem, freshness};
use factline_postgres::{ConsistentReads, consistent_read, is_transient};
use sqlx::{Postgres, Transaction};

/// Returns a snapshot in which the view behind `checkpoints` has passed the request's
/// `Factline-Position`, if it has one.
pub(crate) async fn snapshot(
    snapshots: &ConsistentReads,
    checkpoints: &'static str,
    request: &HeaderMap,
) -> Result<Transaction<'static, Postgres>, Problem> {
    let position = freshness::position(request)?;
    let begun = snapshots.begin(checkpoints, position.as_ref()).await;
    begun.map_err(|error| match error {
        consistent_read::Error::Database(error) => database(error),
        error @ consistent_read::Error::Behind { .. } => behind(&error),
        error @ consistent_read::Error::OtherTopic { .. } => other_topic(&error),
    })
}

/// Returns 503 if the database is unavailable, else 500.
#[expect(clippy::needless_pass_by_value, reason = "to be used with map_err")]
pub(crate) fn database(error: sqlx::Error) -> Problem {
    if is_transient(&error) {
        tracing::warn!(%error, "database is unavailable");
        Problem::unavailable("the database does not answer", 1)
    } else {
        Problem::internal(&error)
    }
}

fn behind(error: &consistent_read::Error) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "read-behind",
        "The read model has not caught up yet",
    )
    .detail(error.to_string())
    .header(header::RETRY_AFTER, "1")
}

fn other_topic(error: &consistent_read::Error) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "position-of-another-topic",
        "The position refers to a deleted topic",
    )
    .detail(error.to_string())
    .parameter(
        "Factline-Position",
        "will never be reached; leave the header out",
    )
}
