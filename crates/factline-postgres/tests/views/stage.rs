//! A database of one test, as the role that owns the views.

use std::sync::atomic::{AtomicU64, Ordering};

use factline_kafka::{Record, Registry};
use factline_postgres::view::CHECKPOINTS;
use factline_postgres::{Sink, migration};
use factline_testkit::servers;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, PgPool, SqlSafeStr as _};

/// Returns a new database with the table of checkpoints.
pub(crate) async fn database() -> PgPool {
    let pool = empty_database("factline_projector").await;
    migration::checkpoints(&pool, CHECKPOINTS).await.unwrap();
    pool
}

/// Returns a new database.
async fn empty_database(role: &str) -> PgPool {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("kinds_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let postgres = &servers().await.postgres;
    postgres.create_database(&name).unwrap();
    PgPool::connect(&postgres.url(&name, role)).await.unwrap()
}

pub(crate) async fn registry() -> Registry {
    Registry::new(&servers().await.registry.url())
}

/// Returns the only migration of a view.
pub(crate) fn migration(sql: &'static str) -> Migrator {
    let sql = sql.into_sql_str();
    Migrator::with_migrations(vec![Migration::new(
        1,
        "table".into(),
        MigrationType::Simple,
        sql,
        false,
    )])
}

/// Runs statements.
pub(crate) async fn sql(pool: &PgPool, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(pool)
        .await
        .unwrap();
}

/// Returns the rows of a query, each as the text of its JSON.
pub(crate) async fn rows(pool: &PgPool, query: &str) -> Vec<String> {
    let rows = format!("select to_jsonb(t)::text from ({query}) t");
    sqlx::query_scalar(AssertSqlSafe(rows))
        .fetch_all(pool)
        .await
        .unwrap()
}

/// Writes records in one transaction.
pub(crate) async fn write(pool: &PgPool, mut sink: impl Sink, records: &[Record]) {
    let mut transaction = pool.begin().await.unwrap();
    sink.write(&mut transaction, records).await.unwrap();
    transaction.commit().await.unwrap();
}
