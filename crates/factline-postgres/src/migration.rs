//! Migrations, with a separate history for each schema, so that the migrations of two owners cannot
//! conflict.
//!
//! sqlx holds an advisory lock while it migrates, so processes that start at the same time run one
//! after another. Schema names come from the code, never from input.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgPool};

static CHECKPOINTS: Migrator = sqlx::migrate!("./migrations");

/// Creates an owner's schema and its checkpoint table. Each owner is a separate role with a
/// separate table.
pub async fn checkpoints(pool: &PgPool, schema: &str) -> Result<(), MigrateError> {
    run(pool, schema, "checkpoint_migrations", &CHECKPOINTS).await
}

/// Runs an owner's migrations. The schema exists and is first on their search path. `history` is
/// the table in that schema that records which migrations have run.
pub async fn run(
    pool: &PgPool,
    schema: &str,
    history: &str,
    migrations: &Migrator,
) -> Result<(), MigrateError> {
    let mut migrator = Migrator {
        migrations: Cow::Owned(migrations.migrations.to_vec()),
        ..Migrator::DEFAULT
    };
    migrator.create_schema(schema.to_owned());
    migrator.dangerous_set_table_name(format!("{schema}.{history}"));
    // Detached from the pool, because the changed search path must not affect other users of the
    // connection.
    let mut connection = pool.acquire().await?.detach();
    sqlx::query(AssertSqlSafe(format!("set search_path to {schema}")))
        .execute(&mut connection)
        .await?;
    migrator.run_direct(None, &mut connection, false).await?;
    connection.close().await?;
    Ok(())
}
