//! Makes or renews everything that this process owns in the database. Running it again, or twice at once, changes nothing.

use anyhow::Context as _;
use factline_postgres::migration;
use sqlx::PgPool;

use crate::views::{ALL, CHECKPOINTS};

/// Checkpoints, then each view, then what readers may do.
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
    tracing::info!(views = ALL.len(), "views are migrated");
    Ok(())
}

/// Readers see the stable names and nothing behind them. Not a migration: the role may come into being later. Under a
/// lock, since PostgreSQL fails one of two that grant the same at once; the number only has to be this statement's own.
const GRANTS: &str = "
do $$ begin
    perform pg_advisory_xact_lock(8263514970);
    if exists (select from pg_roles where rolname = 'factline_reader') then
        grant usage on schema read to factline_reader;
        grant select on all tables in schema read to factline_reader;
    end if;
end $$";
