//! Creates or updates everything that this process owns in the database. A second run, or two at
//! once, changes nothing.

use anyhow::Context as _;
use factline_postgres::migration;
use sqlx::PgPool;

use crate::views::{ALL, CHECKPOINTS};

/// Migrates the checkpoints, then each view, then the rights of readers.
pub async fn run(pool: &PgPool) -> anyhow::Result<()> {
    migration::checkpoints(pool, CHECKPOINTS)
        .await
        .context("cannot migrate the checkpoints")?;
    for view in ALL {
        migration::run(pool, view.schema, "migrations", view.migrations)
            .await
            .with_context(|| format!("cannot migrate view {}", view.name))?;
    }
    sqlx::raw_sql(GRANTS)
        .execute(pool)
        .await
        .context("cannot grant rights to readers")?;
    tracing::info!(views = ALL.len(), "migrated the views");
    Ok(())
}

/// Grants readers the stable names and nothing behind them. This is not a migration, because the
/// role may be created later. It holds a lock, because PostgreSQL fails one of two sessions that
/// grant the same rights at once. The lock's number only has to be unique to this statement.
const GRANTS: &str = "
do $$ begin
    perform pg_advisory_xact_lock(8263514970);
    if exists (select from pg_roles where rolname = 'factline_reader') then
        grant usage on schema read to factline_reader;
        grant select on all tables in schema read to factline_reader;
    end if;
end $$";
