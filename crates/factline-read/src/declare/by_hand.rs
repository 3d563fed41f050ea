//! Routes with their own handlers.

use axum::routing::MethodRouter;
use factline_postgres::ConsistentReads;
use utoipa::ToSchema;
use utoipa::openapi::path::OperationBuilder;

use super::schema::Schema;

/// Route whose handler is written by hand, with its own SQL on a snapshot.
///
/// It is for responses that no declaration describes: another shape, a join, a sum. The handler
/// uses the same parts as declared routes, so that it answers in the same way:
///
/// ```
/// use axum::extract::State;
/// use axum::http::HeaderMap;
/// use axum::response::Response;
/// use axum::routing::get;
/// use factline_http::{Path, Problem, etag};
/// use factline_postgres::ConsistentReads;
/// use factline_read::{ByHand, Parameters, ReadState, Resource, database, parameters, snapshot};
///
/// #[derive(serde::Serialize, utoipa::ToSchema)]
/// struct Count {
///     loans: i64,
/// }
///
/// const RESOURCE: Resource = Resource::new("reader").by_hand(&[ByHand::of::<Count>(
///     "/readers/{id}/count",
///     &["loans"],
///     || get(count),
/// )]);
///
/// async fn count(
///     State(snapshots): State<ConsistentReads>,
///     Path(reader): Path<String>,
///     parameters: Parameters,
///     request: HeaderMap,
/// ) -> Result<Response, Problem> {
///     // A misspelt parameter is refused by its name.
///     parameters::none(parameters)?;
///     // Waits for `Factline-Position`. Select from the stable names only, and bind values.
///     let mut snapshot = snapshot(&snapshots, "loans", &request).await?;
///     let loans = sqlx::query_scalar("select count(*) from read.loans where reader = $1")
///         .bind(reader)
///         .fetch_one(&mut *snapshot)
///         .await
///         .map_err(database)?;
///     // Adds the entity tag, or answers 304, and says what the response may lack.
///     let state = ReadState::of_view(&mut snapshot, "loans").await?;
///     Ok(state.on(etag::json(&request, &Count { loans })?))
/// }
/// ```
///
/// A list by hand also uses [`factline_http::page`] for its parameters, and
/// [`crate::listing::page`] for its rows.
#[derive(Debug, Clone, Copy)]
pub struct ByHand {
    pub(crate) path: &'static str,
    pub(crate) views: &'static [&'static str],
    pub(crate) route: fn() -> MethodRouter<ConsistentReads>,
    pub(crate) schema: Schema,
    pub(crate) summary: &'static str,
    pub(crate) describe: fn(OperationBuilder) -> OperationBuilder,
}

impl ByHand {
    /// A route that responds with a `T`, with the views that its handler reads.
    pub const fn of<T: ToSchema>(
        path: &'static str,
        views: &'static [&'static str],
        route: fn() -> MethodRouter<ConsistentReads>,
    ) -> Self {
        Self {
            path,
            views,
            route,
            schema: Schema::of::<T>(),
            summary: "",
            describe: std::convert::identity,
        }
    }

    /// Describes the response in the OpenAPI document, in a few words.
    #[must_use]
    pub const fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    /// Completes the description in the OpenAPI document, for example with query parameters.
    #[must_use]
    pub const fn described(self, describe: fn(OperationBuilder) -> OperationBuilder) -> Self {
        Self { describe, ..self }
    }
}
