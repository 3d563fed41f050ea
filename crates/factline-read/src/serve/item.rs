//! Serves an item by its id.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use factline_http::{Path, Problem, etag, freshness};
use factline_postgres::{ConsistentReads, select_list};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder};

use crate::declare;
use crate::misuse::Misuse;
use crate::parameters::{self, Parameters};
use crate::path;
use crate::read_state::{self, ReadState};
use crate::read_your_writes::{database, snapshot};
use crate::stable_name;
use crate::value::Value;

use super::id::IdReader;

/// Item with its query.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) declared: declare::Item,
    pub(crate) id: IdReader,
    columns: String,
    condition: String,
}

impl Item {
    /// Checks a declaration.
    pub(crate) fn new(name: &'static str, declared: declare::Item) -> Result<Self, Vec<Misuse>> {
        let place = path::place(declared.path);
        let mut mistakes: Vec<_> = path::check(declared.path, 1, &place)
            .err()
            .into_iter()
            .collect();
        match IdReader::new(name, declared.id, &declared.rows, &place) {
            Ok(id) if mistakes.is_empty() => Ok(Self {
                columns: select_list(&(declared.rows.columns)()),
                condition: format!(
                    " from {} as v where v.\"{}\" = ",
                    stable_name::rows(declared.rows.view),
                    id.column,
                ),
                declared,
                id,
            }),
            read => {
                mistakes.extend(read.err());
                Err(mistakes)
            }
        }
    }

    /// Pushes the query of an id, for its plan.
    #[cfg(feature = "plans")]
    pub(crate) fn push_query(&self, id: &Value, query: &mut QueryBuilder<Postgres>) {
        query.push("select ").push(&self.columns);
        id.bind(query.push(&self.condition));
    }

    /// Pushes the query of an id, with a column for the state of the view.
    fn push_query_with_state(&self, id: &Value, query: &mut QueryBuilder<Postgres>) {
        let state = read_state::column(self.declared.rows.view);
        query.push("select ").push(&self.columns);
        query.push(", ").push(state);
        id.bind(query.push(&self.condition));
    }

    /// Returns the route.
    pub(crate) fn route(self: Arc<Self>) -> MethodRouter<ConsistentReads> {
        get(
            async move |State(snapshots): State<ConsistentReads>,
                        Path(id): Path<String>,
                        parameters: Parameters,
                        request: HeaderMap| {
                self.answer(&snapshots, &id, parameters, &request).await
            },
        )
    }

    async fn answer(
        &self,
        snapshots: &ConsistentReads,
        id: &str,
        parameters: Parameters,
        request: &HeaderMap,
    ) -> Result<Response, Problem> {
        parameters::none(parameters)?;
        let key = self.id.read(id)?;
        if !request.contains_key(freshness::POSITION)
            && let Some(answer) = self.answer_at_once(snapshots, &key, request).await?
        {
            return Ok(answer);
        }
        let view = self.declared.rows.view;
        let mut snapshot = snapshot(snapshots, view, request).await?;
        let row = self.row(&mut snapshot, &key).await?;
        let state = match &row {
            Some(row) if !read_state::has_state(row).map_err(database)? => {
                ReadState::none(&snapshot)
            }
            _ => {
                let key = key.to_string();
                ReadState::load(&mut snapshot, view, self.id.events(&key)).await?
            }
        };
        state.check(request)?;
        let row = row.ok_or_else(|| state.on_problem(self.id.unknown(id)))?;
        self.response(&row, &state, request)
    }

    /// Answers by one statement a request that has no position. `None` if there is no such row, or
    /// the view has a state: then the answer needs more.
    async fn answer_at_once(
        &self,
        snapshots: &ConsistentReads,
        key: &Value,
        request: &HeaderMap,
    ) -> Result<Option<Response>, Problem> {
        let row = {
            let mut connection = snapshots.one_statement().await.map_err(database)?;
            self.row(&mut connection, key).await?
        };
        match row {
            Some(row) if !read_state::has_state(&row).map_err(database)? => {
                let response = self.response(&row, &ReadState::default(), request);
                response.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn row(
        &self,
        connection: &mut PgConnection,
        key: &Value,
    ) -> Result<Option<PgRow>, Problem> {
        let mut query = QueryBuilder::default();
        self.push_query_with_state(key, &mut query);
        let row = query.build().fetch_optional(connection).await;
        row.map_err(database)
    }

    fn response(
        &self,
        row: &PgRow,
        state: &ReadState,
        request: &HeaderMap,
    ) -> Result<Response, Problem> {
        let json = (self.declared.rows.json)(row).map_err(database)?;
        Ok(state.on(etag::json(request, &json)?))
    }
}
