//! `GET /operations`: the operations that match a filter, the newest first.
//!
//! Each filter has an index, and pages are by keyset, so a page costs the same however many
//! operations there are. A count is bounded: beyond [`MAX_COUNT`] it says only that there are more.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use factline::Timestamp;
use factline::outcome::State as OperationState;
use factline_http::{Page, Problem, Query, etag, page};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow as _, PgConnection, Postgres, QueryBuilder};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::answers::{Answers, database};
use crate::contracts::Resources;
use crate::shown::{instant, is_overdue};
use crate::states::{STATES, kind, state};
use crate::store::Operation;

/// Rows of a page: by default, and at most.
pub(crate) const LIMITS: (usize, usize) = (50, 500);

/// The largest number that is counted.
pub(crate) const MAX_COUNT: i64 = 10_000;

/// The name of the schema of a listed operation.
pub(crate) const LISTED: &str = "ListedOperation";

/// The query of a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    user_id: Option<String>,
    state: Option<String>,
    command: Option<String>,
    code: Option<String>,
    resource: Option<String>,
    from: Option<String>,
    to: Option<String>,
    after: Option<String>,
    limit: Option<String>,
    count: Option<bool>,
}

/// An operation in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed {
    /// Its id.
    id: Uuid,
    /// Its origin: a client's or policy's command, or a deadline that came due.
    #[schema(schema_with = kind)]
    kind: String,
    /// The type of the command, or the name of the deadline.
    name: String,
    /// Its state.
    #[schema(schema_with = state)]
    state: String,
    /// Null until the operation has ended.
    #[schema(required)]
    success: Option<bool>,
    /// The stable code of a refusal or failure.
    #[schema(required)]
    code: Option<String>,
    /// The code's explanation, for people.
    #[schema(required)]
    reason: Option<String>,
    /// The address of the resource that the command is about, relative to the origin.
    #[schema(required)]
    resource: Option<String>,
    /// The user who sent the command.
    user_id: String,
    /// The operation whose fact led to this one.
    #[schema(required)]
    parent: Option<Uuid>,
    /// The operation that began the workflow.
    #[schema(required)]
    root: Option<Uuid>,
    /// The operation that this one repeats.
    #[schema(required)]
    retry_of: Option<Uuid>,
    /// Set if the operation should have ended by now.
    overdue: bool,
    /// The time of acceptance.
    #[schema(format = DateTime)]
    created_at: String,
    /// The time of the current state.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// The number of operations that match a filter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Total {
    /// The number, or the largest that is counted.
    #[schema(minimum = 0)]
    count: i64,
    /// Not set if there are more.
    exact: bool,
}

/// A page of operations.
#[derive(Debug, Serialize)]
struct Found {
    #[serde(flatten)]
    page: Page<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Total>,
}

pub(crate) async fn list(
    State(answers): State<Answers>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = page::limit(wanted.limit.as_deref(), LIMITS.0, LIMITS.1)?;
    let after: Option<(DateTime<Utc>, Uuid)> = page::after(wanted.after.as_deref())?;
    let filter = Filter::read(&wanted, &answers.resources)?;
    let mut connection = answers.pool.acquire().await.map_err(|e| database(&e))?;
    let rows = filter.rows(&mut connection, after, limit).await;
    let rows = rows.map_err(|error| database(&error))?;
    let total = match wanted.count {
        Some(true) => Some(
            filter
                .count(&mut connection)
                .await
                .map_err(|e| database(&e))?,
        ),
        Some(false) | None => None,
    };
    let now = Utc::now();
    let page = Page::cut(rows, limit, |row: &Operation| (row.created_at, row.id));
    let page = page.map(|row| Listed::new(row, &answers.resources, now));
    etag::json(&headers, &Found { page, total })
}

impl Listed {
    fn new(operation: Operation, resources: &Resources, now: Timestamp) -> Self {
        let resource_id = operation.resource_id.as_deref();
        Self {
            id: operation.id,
            success: operation
                .has_ended()
                .then_some(operation.state == OperationState::Completed.as_str()),
            resource: resource_id.and_then(|id| resources.of(&operation.aggregate, id)),
            overdue: is_overdue(&operation, now),
            created_at: instant(operation.created_at),
            updated_at: instant(operation.updated_at.max(operation.created_at)),
            kind: operation.kind,
            name: operation.name,
            state: operation.state,
            code: operation.code,
            reason: operation.reason,
            user_id: operation.user_id,
            parent: operation.parent,
            root: operation.root,
            retry_of: operation.retry_of,
        }
    }
}

/// The operations that a list selects.
#[derive(Debug, Default)]
struct Filter {
    user_id: Option<String>,
    state: Option<OperationState>,
    command: Option<String>,
    code: Option<String>,
    /// The type of an aggregate and its id.
    resource: Option<(String, String)>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Filter {
    fn read(wanted: &Wanted, resources: &Resources) -> Result<Self, Problem> {
        let refused = |name, text: &str| Err(Problem::invalid_request().parameter(name, text));
        let state = match wanted.state.as_deref() {
            None => None,
            Some(name) => match STATES.into_iter().find(|state| state.as_str() == name) {
                Some(state) => Some(state),
                None => return refused("state", "is not a state of operations"),
            },
        };
        let resource = match wanted.resource.as_deref() {
            None => None,
            Some(address) => match resources.at(address) {
                Some(resource) => Some(resource),
                None => return refused("resource", "is not the address of a resource"),
            },
        };
        Ok(Self {
            user_id: wanted.user_id.clone(),
            state,
            command: wanted.command.clone(),
            code: wanted.code.clone(),
            resource,
            from: time("from", wanted.from.as_deref())?,
            to: time("to", wanted.to.as_deref())?,
        })
    }

    /// Returns the rows of a page and one more, which shows that there is a next page.
    async fn rows(
        &self,
        connection: &mut PgConnection,
        after: Option<(Timestamp, Uuid)>,
        limit: usize,
    ) -> Result<Vec<Operation>, sqlx::Error> {
        let mut query = QueryBuilder::new(concat!(include_str!("list.sql"), " where true"));
        self.push(&mut query);
        if let Some((created_at, id)) = after {
            query
                .push(" and (created_at, id) < (")
                .push_bind(created_at);
            query.push(", ").push_bind(id).push(")");
        }
        query.push(" order by created_at desc, id desc limit ");
        query.push_bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
        let rows = query.build().fetch_all(connection).await?;
        rows.iter().map(Operation::from_row).collect()
    }

    async fn count(&self, connection: &mut PgConnection) -> Result<Total, sqlx::Error> {
        let mut query = QueryBuilder::new(
            "select count(*) from (select 1 from operations.operation where true",
        );
        self.push(&mut query);
        query
            .push(" limit ")
            .push_bind(MAX_COUNT + 1)
            .push(") as matching");
        let count: i64 = query.build_query_scalar().fetch_one(connection).await?;
        Ok(Total {
            count: count.min(MAX_COUNT),
            exact: count <= MAX_COUNT,
        })
    }

    fn push(&self, query: &mut QueryBuilder<Postgres>) {
        let texts = [
            ("user_id", &self.user_id),
            ("name", &self.command),
            ("code", &self.code),
        ];
        for (column, text) in texts {
            if let Some(text) = text {
                query.push(format!(" and {column} = "));
                query.push_bind(text.clone());
            }
        }
        if let Some(state) = self.state {
            query.push(" and state = ").push_bind(state.as_str());
            if state != OperationState::Completed {
                // A parameter alone does not show that the index of these states has the rows.
                query.push(" and state <> 'completed'");
            }
        }
        if let Some((aggregate, id)) = &self.resource {
            query.push(" and aggregate = ").push_bind(aggregate.clone());
            query.push(" and resource_id = ").push_bind(id.clone());
        }
        if let Some(from) = self.from {
            query.push(" and created_at >= ").push_bind(from);
        }
        if let Some(to) = self.to {
            query.push(" and created_at < ").push_bind(to);
        }
    }
}

/// Reads a time.
fn time(parameter: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(Some(time.to_utc())),
        Err(_) => Err(Problem::invalid_request().parameter(parameter, "is not a time (RFC 3339)")),
    }
}
