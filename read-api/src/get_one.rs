//! A resource that is read by its id: `GET /orders/{id}` and all similar routes.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use factline_http::{Path, Problem, etag};
use factline_postgres::ConsistentReads;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::parameters::{self, Parameters};
use crate::read_your_writes::{database, snapshot};

/// A kind of resource that is read by its id, with its query.
pub(crate) struct Single<T> {
    /// The client's word for it. The column of its key is `<what>_id`.
    pub(crate) what: &'static str,
    /// The relation with the checkpoints of its view.
    pub(crate) checkpoints: &'static str,
    /// The query of its columns from its view, without a condition.
    pub(crate) select: &'static str,
    /// Converts a row to the response.
    pub(crate) row: fn(&PgRow) -> Result<T, sqlx::Error>,
}

impl<T: Serialize> Single<T> {
    /// Returns its route.
    pub(crate) fn route(&'static self) -> MethodRouter<ConsistentReads> {
        get(
            move |State(snapshots): State<ConsistentReads>,
                  Path(id): Path<String>,
                  parameters: Parameters,
                  request: HeaderMap| async move {
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
        let mut snapshot = snapshot(snapshots, self.checkpoints, request).await?;
        let row = QueryBuilder::<Postgres>::new(self.select)
            .push("where ")
            .push(self.what)
            .push("_id = ")
            .push_bind(self.key(id)?)
            .build()
            .fetch_optional(&mut *snapshot)
            .await
            .map_err(database)?;
        let row = row.ok_or_else(|| self.unknown(id))?;
        etag::json(request, &(self.row)(&row).map_err(database)?)
    }

    /// Parses an id. Ids are opaque to clients, so an id that cannot be valid is an id that does
    /// not exist.
    pub(crate) fn key(&self, id: &str) -> Result<Uuid, Problem> {
        id.parse().map_err(|_| self.unknown(id))
    }

    pub(crate) fn unknown(&self, id: &str) -> Problem {
        Problem::not_found(format!("there is no {} {id}", self.what))
    }
}
