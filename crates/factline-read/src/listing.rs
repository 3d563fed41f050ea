//! Pages of rows from a snapshot.

use factline_http::{Page, Problem};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Transaction};

use crate::read_your_writes::database;

/// Returns a page of the rows of a query, which ends with its order. The query reads one row more
/// than `limit`, which only reveals that there is a next page. `cursor` is the sort key of a row.
pub async fn page<T, C: Serialize>(
    snapshot: &mut Transaction<'static, Postgres>,
    query: &mut QueryBuilder<Postgres>,
    limit: usize,
    row: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    cursor: impl Fn(&T) -> C,
) -> Result<Page<T>, Problem> {
    push_limit(query, limit);
    let rows = query
        .build()
        .fetch_all(&mut **snapshot)
        .await
        .map_err(database)?;
    let rows: Result<Vec<T>, sqlx::Error> = rows.iter().map(row).collect();
    Ok(Page::cut(rows.map_err(database)?, limit, cursor))
}

/// Ends a query with the limit of a page.
pub(crate) fn push_limit(query: &mut QueryBuilder<Postgres>, limit: usize) {
    query
        .push(" limit ")
        .push_bind(i64::try_from(limit + 1).unwrap_or(i64::MAX));
}
