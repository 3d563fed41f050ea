//! Serves an item by its id.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use factline_http::{Path, Problem, etag};
use factline_postgres::{ConsistentReads, select_list};
use sqlx::{Postgres, QueryBuilder};

use crate::declare;
use crate::misuse::Misuse;
use crate::parameters::{self, Parameters};
use crate::parked::{self, Parked};
use crate::path;
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

    /// Pushes the query of an id, with the number of parked keys.
    fn push_query_with_parked(&self, id: &Value, query: &mut QueryBuilder<Postgres>) {
        let parked = parked::column(self.declared.rows.view);
        query.push("select ").push(&self.columns);
        query.push(", ").push(parked);
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
        let view = self.declared.rows.view;
        let mut snapshot = snapshot(snapshots, view, request).await?;
        let mut query = QueryBuilder::default();
        self.push_query_with_parked(&key, &mut query);
        let row = query
            .build()
            .fetch_optional(&mut *snapshot)
            .await
            .map_err(database)?;
        let parked = match &row {
            Some(row) if !parked::has_parked(row).map_err(database)? => Parked::default(),
            _ => Parked::of_aggregate(&mut snapshot, view, &key.to_string()).await?,
        };
        parked.check(request)?;
        let row = row.ok_or_else(|| parked.on_problem(self.id.unknown(id)))?;
        let json = (self.declared.rows.json)(&row).map_err(database)?;
        Ok(parked.on(etag::json(request, &json)?))
    }
}
