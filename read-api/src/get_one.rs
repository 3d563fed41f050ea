//! One of something, by its id: `GET /orders/{id}` and all that are like it.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use factline_http::{Path, Problem, etag};
use factline_postgres::Snapshots;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::parameters::{self, Parameters};
use crate::read_your_writes::{database, snapshot};

/// What there is one of, and how its row is found and read.
pub(crate) struct Single<T> {
    /// In the words of clients; its key's column is `<what>_id`.
    pub(crate) what: &'static str,
    /// The relation with its view's checkpoints.
    pub(crate) checkpoints: &'static str,
    /// Its columns from its view, without a condition.
    pub(crate) select: &'static str,
    /// From a row to the answer.
    pub(crate) row: fn(&PgRow) -> Result<T, sqlx::Error>,
}

impl<T: Serialize> Single<T> {
    /// What answers for it.
    pub(crate) fn route(&'static self) -> MethodRouter<Snapshots> {
        get(
            move |State(snapshots): State<Snapshots>,
                  Path(id): Path<String>,
                  parameters: Parameters,
                  request: HeaderMap| async move {
                self.answer(&snapshots, &id, parameters, &request).await
            },
        )
    }

    async fn answer(
        &self,
        snapshots: &Snapshots,
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

    /// To clients an id is opaque: one that cannot be an order's is one that no order has.
    pub(crate) fn key(&self, id: &str) -> Result<Uuid, Problem> {
        id.parse().map_err(|_| self.unknown(id))
    }

    pub(crate) fn unknown(&self, id: &str) -> Problem {
        Problem::not_found(format!("there is no {} {id}", self.what))
    }
}
