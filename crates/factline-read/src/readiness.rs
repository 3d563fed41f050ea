//! Readiness: the database is available and the views exist.

use std::collections::BTreeSet;
use std::time::Duration;

use factline_service::Health;
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

use crate::Resource;
use crate::stable_name;

/// The component's name in `/health/ready`.
pub const COMPONENT: &str = "database";

const EVERY: Duration = Duration::from_secs(1);

/// Checks every second until shutdown.
pub async fn watch(
    resources: &'static [Resource],
    pool: PgPool,
    health: Health,
    shutdown: CancellationToken,
) {
    let look = async {
        loop {
            let looked = look(resources, &pool).await;
            health.set(COMPONENT, looked.map_err(|error| reason(&error)));
            tokio::time::sleep(EVERY).await;
        }
    };
    shutdown.run_until_cancelled(look).await;
}

async fn look(resources: &[Resource], pool: &PgPool) -> Result<(), sqlx::Error> {
    let views: BTreeSet<_> = resources.iter().flat_map(Resource::views).collect();
    let names = [
        stable_name::checkpoints,
        stable_name::parked,
        stable_name::state,
    ];
    let relations = names
        .iter()
        .flat_map(|name| views.iter().map(|view| name(view)));
    let counts = relations.map(|relation| format!("(select count(*) from {relation})"));
    let query = format!("select {}", counts.collect::<Vec<_>>().join(", "));
    sqlx::query(AssertSqlSafe(query))
        .fetch_one(pool)
        .await
        .map(|_| ())
}

/// SQLSTATE of a relation that does not exist.
const UNDEFINED_TABLE: &str = "42P01";

fn reason(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(missing) if missing.code().as_deref() == Some(UNDEFINED_TABLE) => format!(
            "{}: run the migrations of the projector that has the view, or correct the name of the \
             view in its resource",
            missing.message(),
        ),
        _ => error.to_string(),
    }
}
