//! Stable names: the relations in the schema `read` that readers select from.
//!
//! A view has three of them: its rows, with every column of its table listed, its checkpoints, and
//! its parked keys. All of them always show the same version. They move to a version when it is
//! migrated, and never back: while a newer version has a table, the names stay with it. Readers
//! that use the names from then on see the new table while it is being filled; a read with a
//! position waits until it is.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Error, PgPool, Row as _};

use super::name::ViewName;

/// Role of readers. It is granted the stable names and nothing behind them, if it exists.
pub const READER: &str = "factline_reader";

/// Number of the advisory lock under which stable names change. PostgreSQL fails one of two
/// sessions that replace or grant the same relation at once.
const LOCK: i64 = 8_263_514_970;

/// SQLSTATE of a view that cannot be replaced, because its columns differ.
const INVALID_TABLE_DEFINITION: &str = "42P16";

/// Moves the stable names to this version, unless a newer one has a table. Returns the version that
/// they show.
pub(crate) async fn publish(
    pool: &PgPool,
    view: ViewName,
    checkpoints: &str,
) -> Result<i32, Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    let newest = newest(&mut transaction, view).await?;
    if newest > view.version {
        return Ok(newest);
    }
    let columns = columns(&mut transaction, view).await?;
    let rows = format!("select {columns} from {}", view.relation());
    let positions = format!(
        "select topic, partition, topic_identity, sequence, event_time from {checkpoints}.checkpoint \
         where view = '{}' and version = {}",
        view.name, view.version
    );
    let parked = format!(
        "select topic, partition, key, sequence, event_time from {checkpoints}.parked_key \
         where view = '{}' and version = {}",
        view.name, view.version
    );
    run(
        &mut transaction,
        "create schema if not exists read".to_owned(),
    )
    .await?;
    replace(&mut transaction, &view.rows(), &rows).await?;
    replace(&mut transaction, &view.checkpoints(), &positions).await?;
    replace(&mut transaction, &view.parked(), &parked).await?;
    grant(&mut transaction, view).await?;
    transaction.commit().await?;
    Ok(view.version)
}

/// Returns the highest version of the view that has a table.
async fn newest(connection: &mut PgConnection, view: ViewName) -> Result<i32, Error> {
    let sql = "select max(substring(nspname from '_v([0-9]{1,9})$')::integer) \
               from pg_namespace join pg_class on relnamespace = pg_namespace.oid \
               where relname = $1 and nspname ~ ('^' || $1 || '_v[0-9]{1,9}$')";
    let row = sqlx::query(sql)
        .bind(view.table())
        .fetch_one(connection)
        .await?;
    let newest: Option<i32> = row.try_get(0)?;
    Ok(newest.unwrap_or_default())
}

/// Returns the list of a table's columns, generated ones included.
async fn columns(connection: &mut PgConnection, view: ViewName) -> Result<String, Error> {
    let sql = "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute \
               where attrelid = $1::text::regclass and attnum > 0 and not attisdropped";
    sqlx::query(sql)
        .bind(view.relation())
        .fetch_one(connection)
        .await?
        .try_get(0)
}

/// Replaces a view of PostgreSQL. One with other columns is dropped first, which fails if other
/// objects depend on it.
async fn replace(connection: &mut PgConnection, name: &str, select: &str) -> Result<(), Error> {
    let mut attempt = connection.begin().await?;
    let replaced = run(
        &mut attempt,
        format!("create or replace view {name} as {select}"),
    )
    .await;
    match replaced {
        Ok(()) => return attempt.commit().await,
        Err(error) if is_other_definition(&error) => attempt.rollback().await?,
        Err(error) => return Err(error),
    }
    run(connection, format!("drop view {name}")).await?;
    run(connection, format!("create view {name} as {select}")).await
}

fn is_other_definition(error: &Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == INVALID_TABLE_DEFINITION)
}

async fn grant(connection: &mut PgConnection, view: ViewName) -> Result<(), Error> {
    let exists = sqlx::query("select from pg_roles where rolname = $1")
        .bind(READER)
        .fetch_optional(&mut *connection)
        .await?;
    if exists.is_none() {
        return Ok(());
    }
    let (rows, checkpoints, parked) = (view.rows(), view.checkpoints(), view.parked());
    run(
        connection,
        format!("grant usage on schema read to {READER}"),
    )
    .await?;
    run(
        connection,
        format!("grant select on {rows}, {checkpoints}, {parked} to {READER}"),
    )
    .await
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}
