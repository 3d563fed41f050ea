//! Pages of rows from a snapshot.
//!
//! A page is limited in rows and in bytes. So no request makes the service hold or send much more
//! than [`MAX_BYTES`], however large the rows are.

use factline_http::{Page, Problem};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _};

use crate::read_your_writes::database;

/// Maximum size of the rows of a page in bytes. A larger row is a page of its own.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Number of rows that the first statement of a page reads. So small pages are read by one.
pub(crate) const FIRST: usize = 64;

/// Returns a page of the rows of a query, which ends with its order. The query reads one row more
/// than `limit`, which only reveals that there is a next page. The columns of the page's rows have
/// at most [`MAX_BYTES`] together, or the page has one row. `cursor` is the sort key of a row.
pub async fn page<T, C: Serialize>(
    snapshot: &mut PgConnection,
    query: &mut QueryBuilder<Postgres>,
    limit: usize,
    row: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    cursor: impl Fn(&T) -> C,
) -> Result<Page<T>, Problem> {
    push_limit(query, limit + 1);
    let mut rows = Rows::new(limit);
    let sized = |found: &PgRow| Ok((row(found)?, size(found)));
    rows.read(snapshot, query, sized).await.map_err(database)?;
    Ok(rows.page(cursor))
}

/// Ends a query with a number of rows.
pub(crate) fn push_limit(query: &mut QueryBuilder<Postgres>, rows: usize) {
    query
        .push(" limit ")
        .push_bind(i64::try_from(rows).unwrap_or(i64::MAX));
}

/// The rows of a page while they are read.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    found: Vec<T>,
    /// Size of these rows in bytes.
    bytes: usize,
    /// Maximum number of rows of the page.
    limit: usize,
}

impl<T> Rows<T> {
    /// Begins a page.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            found: Vec::new(),
            limit,
            bytes: 0,
        }
    }

    /// Returns the last row that was read.
    pub(crate) fn last(&self) -> Option<&T> {
        self.found.last()
    }

    /// Returns the number of rows that the next statement should read, or none if the page is
    /// whole. It is one more than probably fit, because the last one only reveals that there is a
    /// next page.
    pub(crate) fn missing(&self) -> Option<usize> {
        if self.is_whole() {
            return None;
        }
        let rows = self.limit + 1 - self.found.len();
        let fit = match self.bytes.checked_div(self.found.len()) {
            None => FIRST,
            Some(size) => MAX_BYTES.saturating_sub(self.bytes) / size.max(1) + 2,
        };
        Some(rows.min(fit))
    }

    /// Reads the rows of a query until the page is whole. `row` returns a row and its size in
    /// bytes. Returns the number of rows that were read.
    pub(crate) async fn read(
        &mut self,
        snapshot: &mut PgConnection,
        query: &mut QueryBuilder<Postgres>,
        row: impl Fn(&PgRow) -> Result<(T, usize), sqlx::Error>,
    ) -> Result<usize, sqlx::Error> {
        // Row by row, so that those behind the end of the page are never in memory together.
        let mut stream = query.build().fetch(&mut *snapshot);
        let before = self.found.len();
        while !self.is_whole() {
            let Some(next) = stream.try_next().await? else {
                break;
            };
            let (next, size) = row(&next)?;
            self.found.push(next);
            self.bytes += size;
        }
        Ok(self.found.len() - before)
    }

    /// Returns the page.
    pub(crate) fn page<C: Serialize>(self, cursor: impl Fn(&T) -> C) -> Page<T> {
        let limit = if self.is_whole() {
            self.found.len() - 1
        } else {
            self.limit
        };
        Page::cut(self.found, limit, cursor)
    }

    /// Returns whether the last row belongs to the next page.
    fn is_whole(&self) -> bool {
        let rows = self.found.len();
        rows > self.limit || (rows > 1 && self.bytes > MAX_BYTES)
    }
}

/// Returns the size of a row's columns in bytes.
fn size(row: &PgRow) -> usize {
    let columns = (0..row.len()).filter_map(|column| row.try_get_raw(column).ok());
    columns
        .filter_map(|value| value.as_bytes().ok().map(<[u8]>::len))
        .sum()
}
