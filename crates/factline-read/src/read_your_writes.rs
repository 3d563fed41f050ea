//! Snapshots for requests. Errors of the database or the position are returned as problems.

use axum::http::{HeaderMap, StatusCode, header};
use factline_http::{Problem, freshness};
use factline_postgres::consistent_read::{self, Snapshot};
use factline_postgres::{ConsistentReads, is_transient};

use crate::stable_name;
use crate::tokens::{BEHIND, HALTED, REBUILDING};

/// Returns a snapshot in which the view with this name has passed the request's
/// `Factline-Position`, if it has one.
pub async fn snapshot(
    snapshots: &ConsistentReads,
    view: &str,
    request: &HeaderMap,
) -> Result<Snapshot, Problem> {
    let position = freshness::position(request)?;
    let checkpoints = stable_name::checkpoints(view);
    let begun = snapshots.begin(&checkpoints, position.as_ref()).await;
    begun.map_err(|error| match error {
        consistent_read::Error::Database(error) => database(error),
        error @ consistent_read::Error::Behind { is_rebuilding, .. } => {
            let problem = if is_rebuilding {
                behind_with(REBUILDING, "1")
            } else {
                behind()
            };
            problem.detail(error.to_string())
        }
        consistent_read::Error::Halted {
            ref topic,
            partition,
            offset,
        } => behind_with(HALTED, "60")
            .member(HALTED_AT, format!("{topic}/{partition}@{offset}"))
            .detail(error.to_string()),
        error @ consistent_read::Error::OtherTopic { .. } => {
            other_topic().detail(error.to_string())
        }
        error @ consistent_read::Error::Busy => Problem::unavailable(error.to_string(), 1),
    })
}

/// Returns 503 if the database is unavailable, else 500.
#[expect(clippy::needless_pass_by_value, reason = "to be used with map_err")]
pub fn database(error: sqlx::Error) -> Problem {
    if is_transient(&error) {
        tracing::warn!(%error, "database is unavailable");
        unavailable()
    } else {
        Problem::internal(&error)
    }
}

/// Creates the 503 of an unavailable database.
pub(crate) fn unavailable() -> Problem {
    Problem::unavailable("the database does not answer", 1)
}

/// Member of the 503 with the reason why the view has not reached the position.
pub(crate) const STATE: &str = "state";

/// Member of the 503 with the place of the record before which a partition is halted.
pub(crate) const HALTED_AT: &str = "halted_at";

/// Creates the 503 of a view that did not reach the position in time.
pub(crate) fn behind() -> Problem {
    behind_with(BEHIND, "1")
}

fn behind_with(state: &'static str, retry_after: &'static str) -> Problem {
    let read = match state {
        BEHIND => BEHIND.to_owned(),
        other => format!("{BEHIND}, {other}"),
    };
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "read-behind",
        "The read model has not caught up yet",
    )
    .member(STATE, state)
    .header(freshness::READ, read)
    .header(header::RETRY_AFTER, retry_after)
}

/// Creates the 409 of a position that no view will reach.
pub(crate) fn other_topic() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "position-of-another-topic",
        "The position refers to a deleted topic",
    )
    .parameter(
        "Factline-Position",
        "will never be reached; leave the header out",
    )
}
