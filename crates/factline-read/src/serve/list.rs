//! Serves a list, page by page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use factline_http::{Path, Problem, etag, freshness};
use factline_postgres::ConsistentReads;

use crate::declare;
use crate::parameters::Parameters;
use crate::read_state::{Events, ReadState};
use crate::read_your_writes::{database, snapshot};
use crate::value::Kind;

use super::id::IdReader;

/// List with its filters and sort orders.
#[derive(Debug)]
pub(crate) struct List {
    /// The name of the resource.
    pub(crate) name: &'static str,
    pub(crate) declared: declare::List,
    pub(crate) within: Option<IdReader>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) sorts: Vec<Sort>,
    pub(super) columns: String,
    pub(super) relation: String,
}

/// Filter with the type of its column.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) declared: declare::Filter,
    pub(crate) kind: Kind,
}

/// Sort order with the types of its columns.
#[derive(Debug)]
pub(crate) struct Sort {
    pub(crate) declared: declare::Sort,
    pub(crate) kinds: Vec<Kind>,
}

impl List {
    /// Returns the route.
    pub(crate) fn route(self: Arc<Self>) -> MethodRouter<ConsistentReads> {
        if self.within.is_none() {
            return get(
                async move |State(snapshots): State<ConsistentReads>,
                            parameters: Parameters,
                            request: HeaderMap| {
                    self.answer(&snapshots, "", parameters, &request).await
                },
            );
        }
        get(
            async move |State(snapshots): State<ConsistentReads>,
                        Path(id): Path<String>,
                        parameters: Parameters,
                        request: HeaderMap| {
                self.answer(&snapshots, &id, parameters, &request).await
            },
        )
    }

    /// Answers a request; `id` is the one in the path, if the list is within an item.
    async fn answer(
        &self,
        snapshots: &ConsistentReads,
        id: &str,
        parameters: Parameters,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let request = self.read(id, parameters)?;
        if request.is_one_statement()
            && !headers.contains_key(freshness::POSITION)
            && let Some(answer) = self.answer_at_once(snapshots, &request, headers).await?
        {
            return Ok(answer);
        }
        let is_all = request.is_whole();
        let view = self.declared.rows.view;
        let mut snapshot = snapshot(snapshots, view, headers).await?;
        let within = request.id.as_ref().map(ToString::to_string);
        let (page, has_state) = self.page(&mut snapshot, request).await.map_err(database)?;
        let state = match (has_state, &self.within, &within) {
            (Some(false), _, _) => ReadState::none(&snapshot),
            (_, Some(reader), Some(within)) => {
                ReadState::load(&mut snapshot, view, reader.events(within)).await?
            }
            _ => ReadState::load(&mut snapshot, view, Events::All).await?,
        };
        state.check(headers)?;
        if page.items.is_empty()
            && self.declared.is_never_empty
            && is_all
            && let Some(within) = &self.within
        {
            return Err(state.on_problem(within.unknown(id)));
        }
        Ok(state.on(etag::json(headers, &page.map(|row| row.json))?))
    }
}
