//! Reads a page of a list.

use factline_http::Page;
use serde_json::value::RawValue;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Transaction};

use crate::listing::{self, Rows};
use crate::value::Value;

use super::cursor;
use super::list::{List, Sort};
use super::request::Request;

/// Row of a page.
pub(super) struct Row {
    pub(super) json: Box<RawValue>,
    keys: Vec<Value>,
}

impl List {
    /// Reads a page. Large rows are read in several statements, so that the database does not read
    /// many rows that the page has no room for.
    pub(super) async fn page(
        &self,
        snapshot: &mut Transaction<'static, Postgres>,
        mut request: Request,
    ) -> Result<Page<Row>, sqlx::Error> {
        let sort = &self.sorts[request.sort];
        let mut rows = Rows::new(request.limit);
        while let Some(count) = rows.missing() {
            let mut query = QueryBuilder::default();
            self.push_query(&request, &mut query);
            listing::push_limit(&mut query, count);
            let row = |row: &PgRow| {
                let row = self.row(sort, row)?;
                let size = row.json.get().len();
                Ok((row, size))
            };
            if rows.read(snapshot, &mut query, row).await? < count {
                break;
            }
            request.after = rows.last().map(|row| row.keys.clone());
        }
        Ok(rows.page(|row| cursor::of(&request.list, &row.keys)))
    }

    fn row(&self, sort: &Sort, row: &PgRow) -> Result<Row, sqlx::Error> {
        let keys = sort.declared.keys.iter().zip(&sort.kinds);
        let keys = keys.map(|(key, kind)| kind.decode(row, key.column));
        Ok(Row {
            json: (self.declared.rows.json)(row)?,
            keys: keys.collect::<Result<_, _>>()?,
        })
    }
}
