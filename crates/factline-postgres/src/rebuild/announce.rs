//! Tells readers that rows are filled beside those that they see.
//!
//! The process that fills them repeats a row in the database. If it is killed, the row does not
//! count any more after half a minute, see [`crate::view::stable_names`].

use std::convert::Infallible;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};

use crate::view::{CHECKPOINTS, ViewName};

/// Time between two repetitions.
const INTERVAL: Duration = Duration::from_secs(5);

/// Announces that rows of a view are filled, until this is done.
pub(super) async fn during<T>(
    pool: &PgPool,
    view: ViewName,
    filling: impl Future<Output = T>,
) -> T {
    let done = tokio::select! {
        done = filling => done,
        never = keep(pool, view) => match never {},
    };
    if let Err(error) = end(pool, view).await {
        tracing::debug!(view = view.name, %error, "cannot end the announcement of a rebuild");
    }
    done
}

/// Repeats without end. A rebuild goes on if readers cannot be told.
async fn keep(pool: &PgPool, view: ViewName) -> Infallible {
    loop {
        if let Err(error) = repeat(pool, view).await {
            tracing::debug!(view = view.name, %error, "cannot announce a rebuild; retrying");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Repeats that rows of a view are filled.
pub(super) async fn repeat(pool: &PgPool, view: ViewName) -> Result<(), sqlx::Error> {
    let sql = format!(
        "insert into {CHECKPOINTS}.rebuilding as known (view) values ($1) \
         on conflict (view) do update \
             set seen_at = now(), \
                 since = case when known.seen_at > now() - interval '30 seconds' \
                         then known.since else now() end"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(view.name)
        .execute(pool)
        .await?;
    Ok(())
}

/// Says that rows of a view are filled no longer.
pub(super) async fn end(pool: &PgPool, view: ViewName) -> Result<(), sqlx::Error> {
    let sql = format!("delete from {CHECKPOINTS}.rebuilding where view = $1");
    sqlx::query(AssertSqlSafe(sql))
        .bind(view.name)
        .execute(pool)
        .await?;
    Ok(())
}
