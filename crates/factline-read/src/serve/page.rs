//! Reads a page of a list.

use std::sync::OnceLock;

use axum::http::HeaderMap;
use axum::response::Response;
use factline_http::{Page, Problem, etag};
use factline_postgres::ConsistentReads;
use serde_json::value::RawValue;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, QueryBuilder};

use crate::listing::{self, Rows};
use crate::read_state::{self, ReadState};
use crate::read_your_writes::database;
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
    /// Reads a page. Returns with it whether the view has a state to load; a page without rows does
    /// not tell. Large rows are read in several statements, so that the database does not read many
    /// rows that the page has no room for.
    pub(super) async fn page(
        &self,
        snapshot: &mut PgConnection,
        mut request: Request,
    ) -> Result<(Page<Row>, Option<bool>), sqlx::Error> {
        let more = format!(", {}", read_state::column(self.declared.rows.view));
        let has_state = OnceLock::new();
        let sort = &self.sorts[request.sort];
        let mut rows = Rows::new(request.limit);
        while let Some(count) = rows.missing() {
            let mut query = QueryBuilder::default();
            self.push_query(&request, &more, &mut query);
            listing::push_limit(&mut query, count);
            let row = |row: &PgRow| {
                let found = read_state::has_state(row)?;
                has_state.get_or_init(|| found);
                let row = self.row(sort, row)?;
                let size = row.json.get().len();
                Ok((row, size))
            };
            if rows.read(snapshot, &mut query, row).await? < count {
                break;
            }
            request.after = rows.last().map(|row| row.keys.clone());
        }
        let page = rows.page(|row| cursor::of(&request.list, &row.keys));
        Ok((page, has_state.into_inner()))
    }

    /// Answers by one statement a request that has no position and a small page. `None` if the page
    /// is empty, or the view has a state: then the answer needs more.
    pub(super) async fn answer_at_once(
        &self,
        snapshots: &ConsistentReads,
        request: &Request,
        headers: &HeaderMap,
    ) -> Result<Option<Response>, Problem> {
        let (page, has_state) = {
            let mut connection = snapshots.one_statement().await.map_err(database)?;
            let page = self.page(&mut connection, request.clone()).await;
            page.map_err(database)?
        };
        if has_state != Some(false) {
            return Ok(None);
        }
        let response = etag::json(headers, &page.map(|row| row.json))?;
        Ok(Some(ReadState::default().on(response)))
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
