//! Migrations, with a history for each schema: no owner ever trips over another's.
//!
//! sqlx holds an advisory lock while it migrates, so processes that start together take turns. A schema is named in code,
//! never by input.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgPool};

static CHECKPOINTS: Migrator = sqlx::migrate!("./migrations");

/// Makes the checkpoint table in an owner's schema, and the schema. Each owner, being a role of its own, has its own table.
pub async fn checkpoints(pool: &PgPool, schema: &'static str) -> Result<(), MigrateError> {
    run(pool, schema, "checkpoint_migrations", &CHECKPOINTS).await
}

/// Runs an owner's migrations, which find the schema made and first on their search path. `history` is the table, in that
/// schema, that remembers which were run.
pub async fn run(
    pool: &PgPool,
    schema: &'static str,
    history: &str,
    migrations: &Migrator,
) -> Result<(), MigrateError> {
    let mut migrator = Migrator {
        migrations: Cow::Owned(migrations.migrations.to_vec()),
        ..Migrator::DEFAULT
    };
    migrator.create_schema(schema);
    migrator.dangerous_set_table_name(format!("{schema}.{history}"));
    // Not the pool's: a changed search path must not live on.
    let mut connection = pool.acquire().await?.detach();
    sqlx::query(AssertSqlSafe(format!("set search_path to {schema}")))
        .execute(&mut connection)
        .await?;
    migrator.run_direct(None, &mut connection, false).await?;
    connection.close().await?;
    Ok(())
}
