//! Makes the tables of a view, compares them with its structs, and moves its stable names.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::migration;

use super::name::{CHECKPOINTS, ViewName};
use super::stable_names;
use super::table::Table;
use super::table_check::{self, TableMismatch};

/// Table of a view's applied migrations, in the schema of its version.
pub(crate) const HISTORY: &str = "migrations";

/// Reason why the tables of a view cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A migration failed.
    #[error("cannot migrate view {view}")]
    Migration {
        /// The view.
        view: ViewName,
        /// The cause.
        source: MigrateError,
    },
    /// The text of an applied migration differs.
    #[error(
        "migration {number} of view {view} was edited after it was applied: restore it, or raise \
         VERSION, so that the view is filled again in tables of its own"
    )]
    Edited {
        /// The view.
        view: ViewName,
        /// Number of the migration.
        number: i64,
    },
    /// The table does not fit the view's structs.
    #[error("view {view} does not fit its table")]
    Table {
        /// The view.
        view: ViewName,
        /// The difference.
        source: TableMismatch,
    },
    /// The tables are gone, and the checkpoints are not.
    #[error(
        "view {view} has no table but has checkpoints, so it would never be filled: delete the \
         checkpoints with `delete from factline.checkpoint where view = '{}' and version = {}`",
        view.name, view.version
    )]
    TableLost {
        /// The view.
        view: ViewName,
    },
    /// The checkpoints are gone, and the rows are not.
    #[error(
        "view {view} has rows but no checkpoints, so all events would be applied to them again: drop \
         the rows with `drop schema {} cascade`",
        view.schema()
    )]
    CheckpointsLost {
        /// The view.
        view: ViewName,
    },
    /// The database failed.
    #[error("cannot prepare view {view}")]
    Database {
        /// The view.
        view: ViewName,
        /// The cause.
        source: sqlx::Error,
    },
}

/// Makes or updates the tables. A second run changes nothing.
pub(crate) async fn migrate(
    pool: &PgPool,
    view: ViewName,
    table: &Table,
    migrations: &Migrator,
) -> Result<(), Error> {
    let database = |source| Error::Database { view, source };
    if is_table_lost(pool, view).await.map_err(database)? {
        return Err(Error::TableLost { view });
    }
    migration::run(pool, &view.schema(), HISTORY, migrations)
        .await
        .map_err(|source| match source {
            MigrateError::VersionMismatch(number) => Error::Edited { view, number },
            source => Error::Migration { view, source },
        })?;
    let mut connection = pool.acquire().await.map_err(database)?;
    table_check::check(&mut connection, table)
        .await
        .map_err(|source| Error::Table { view, source })?;
    drop(connection);
    if are_checkpoints_lost(pool, view).await.map_err(database)? {
        return Err(Error::CheckpointsLost { view });
    }
    let shown = stable_names::publish(pool, view).await.map_err(database)?;
    if shown == view.version {
        tracing::info!(view = view.name, version = shown, "migrated the view");
    } else {
        tracing::warn!(
            view = view.name,
            version = view.version,
            shown,
            "migrated the view; readers see another version"
        );
    }
    Ok(())
}

async fn is_table_lost(pool: &PgPool, view: ViewName) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "select to_regclass($1) is null \
             and exists (select from {CHECKPOINTS}.checkpoint where view = $2 and version = $3)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(view.relation())
        .bind(view.name)
        .bind(view.version)
        .fetch_one(pool)
        .await?
        .try_get(0)
}

async fn are_checkpoints_lost(pool: &PgPool, view: ViewName) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "select exists (select from {}) \
             and not exists (select from {CHECKPOINTS}.checkpoint where view = $1 and version = $2)",
        view.relation()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(view.name)
        .bind(view.version)
        .fetch_one(pool)
        .await?
        .try_get(0)
}
