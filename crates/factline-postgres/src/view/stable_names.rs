//! Stable names: the relations in the schema `read` that readers select from.
//!
//! A view has four of them: its rows, with every column of its table listed, its checkpoints, its
//! parked keys, and its state: halted partitions, and a rebuild. All of them always show the same
//! version. The first version is shown when it is
//! migrated. A newer one is filled beside the version that is shown, and takes its place when it
//! has applied at least the same events, see [`crate::rebuild`].

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Error, PgPool, Row as _};

use super::name::{CHECKPOINTS, ViewName};

/// Role of readers. It is granted the stable names and nothing behind them, if it exists.
pub const READER: &str = "factline_reader";

/// Role of the operations tracker. It is granted the checkpoints, if it exists: an operation says
/// in which views it is visible.
pub const TRACKER: &str = "factline_tracker";

/// Number of the advisory lock under which stable names change. PostgreSQL fails one of two
/// sessions that replace or grant the same relation at once.
const LOCK: i64 = 8_263_514_970;

/// SQLSTATE of a view that cannot be replaced, because its columns differ.
const INVALID_TABLE_DEFINITION: &str = "42P16";

/// Moves the stable names to this version if they show no other, or repeats what they show, because
/// a migration of the version may have added columns, and a release of the kit a name. Returns the
/// version that they show.
pub(crate) async fn publish(pool: &PgPool, view: ViewName) -> Result<i32, Error> {
    let mut transaction = pool.begin().await?;
    lock(&mut transaction).await?;
    let shown = shown(&mut transaction, view).await?;
    let version = shown.unwrap_or(view.version);
    point_to(&mut transaction, ViewName { version, ..view }).await?;
    transaction.commit().await?;
    Ok(version)
}

/// Waits until no other session changes stable names. The lock is held until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves the stable names to this version.
///
/// The name of the checkpoints comes first, because readers lock it: see
/// [`crate::consistent_read`].
pub(crate) async fn point_to(connection: &mut PgConnection, view: ViewName) -> Result<(), Error> {
    let columns = columns(connection, view).await?;
    let rows = format!("select {columns} from {}", view.relation());
    let positions = format!(
        "select topic, partition, topic_identity, sequence, event_time from {CHECKPOINTS}.checkpoint \
         where view = '{}' and version = {}",
        view.name, view.version
    );
    let parked = format!(
        "select topic, partition, key, sequence, event_time from {CHECKPOINTS}.parked_key \
         where view = '{}' and version = {}",
        view.name, view.version
    );
    // The checkpoint of a halted partition is looked up only if there is one.
    let state = format!(
        "select 'halted' as state, topic, partition, record_offset, sequence, since \
         from {CHECKPOINTS}.halted_partition as halt \
         where view = '{name}' and version = {version} \
           and (fault = 'log' or record_offset >= ( \
                    select next_offset from {CHECKPOINTS}.checkpoint as known \
                    where known.view = halt.view and known.version = halt.version \
                      and known.topic = halt.topic and known.partition = halt.partition)) \
         union all \
         select 'rebuilding', null, null, null, null, since from {CHECKPOINTS}.rebuilding \
         where view = '{name}' and seen_at > now() - interval '30 seconds'",
        name = view.name,
        version = view.version
    );
    run(connection, "create schema if not exists read".to_owned()).await?;
    replace(connection, &view.checkpoints(), &positions).await?;
    replace(connection, &view.rows(), &rows).await?;
    replace(connection, &view.parked(), &parked).await?;
    replace(connection, &view.state(), &state).await?;
    grant(connection, view).await
}

/// Returns the version that the stable names show: that of the table from which the rows are
/// selected. `None` if there are none.
pub(crate) async fn shown(
    connection: &mut PgConnection,
    view: ViewName,
) -> Result<Option<i32>, Error> {
    // The schema is the name of the table, `_v`, and the version, or a copy of it.
    let sql = "select substring(substr(nspname, length($2) + 3) from '^[0-9]{1,6}')::integer \
               from pg_rewrite \
               join pg_depend on pg_depend.objid = pg_rewrite.oid \
                   and pg_depend.classid = 'pg_rewrite'::regclass \
                   and pg_depend.refclassid = 'pg_class'::regclass \
               join pg_class on pg_class.oid = pg_depend.refobjid and relname = $2 \
               join pg_namespace on pg_namespace.oid = relnamespace \
               where ev_class = to_regclass($1) and starts_with(nspname, $2 || '_v') \
               limit 1";
    let version = sqlx::query_scalar(sql)
        .bind(view.rows())
        .bind(view.table())
        .fetch_optional(connection)
        .await?;
    Ok(version.flatten())
}

/// Keeps the stable names at the version that they show, whichever others catch up, or no longer
/// does. The text says so to those who look at the name in PostgreSQL.
pub(crate) async fn pin(
    connection: &mut PgConnection,
    view: ViewName,
    text: Option<&str>,
) -> Result<(), Error> {
    let text = text.map_or("null".to_owned(), |text| {
        format!("'{}'", text.replace('\'', "''"))
    });
    run(
        connection,
        format!("comment on view {} is {text}", view.rows()),
    )
    .await
}

/// Returns the text with which the stable names are pinned, if they are.
pub(crate) async fn pinned(
    connection: &mut PgConnection,
    view: ViewName,
) -> Result<Option<String>, Error> {
    sqlx::query_scalar("select obj_description(to_regclass($1), 'pg_class')")
        .bind(view.rows())
        .fetch_one(connection)
        .await
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
    let names = [view.rows(), view.checkpoints(), view.parked(), view.state()];
    let rights = [(READER, names.join(", ")), (TRACKER, view.checkpoints())];
    for (role, relations) in rights {
        let exists = sqlx::query("select from pg_roles where rolname = $1")
            .bind(role)
            .fetch_optional(&mut *connection)
            .await?;
        if exists.is_none() {
            continue;
        }
        let usage = format!("grant usage on schema read to {role}");
        run(connection, usage).await?;
        let select = format!("grant select on {relations} to {role}");
        run(connection, select).await?;
    }
    Ok(())
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}
