//! Readiness: the database is available and the views exist.

use std::time::Duration;

use factline_service::Health;
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

use crate::resource;

/// The component's name in `/health/ready`.
pub const COMPONENT: &str = "database";

const EVERY: Duration = Duration::from_secs(1);

/// Checks every second until shutdown.
pub async fn watch(pool: PgPool, health: Health, shutdown: CancellationToken) {
    let look = async {
        loop {
            health.set(
                COMPONENT,
                look(&pool).await.map_err(|error| error.to_string()),
            );
            tokio::time::sleep(EVERY).await;
        }
    };
    shutdown.run_until_cancelled(look).await;
}

async fn look(pool: &PgPool) -> Result<(), sqlx::Error> {
    let views = resource::ALL
        .iter()
        .flat_map(|resource| resource.checkpoints)
        .map(|checkpoints| format!("(select count(*) from {checkpoints})"));
    let query = format!("select {}", views.collect::<Vec<_>>().join(", "));
    sqlx::query(AssertSqlSafe(query))
        .fetch_one(pool)
        .await
        .map(|_| ())
}
