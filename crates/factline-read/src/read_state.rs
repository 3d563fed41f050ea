//! The state of a response: whether it waited for its position, and what it may lack.
//!
//! Each response of a view has the header `Factline-Read`, a list of tokens (RFC 9651). The first
//! one is `fresh` or `waited`. Others follow only if they apply: `halted`, `parked` and
//! `rebuilding`. A response about one aggregate has them only if they concern it.
//!
//! Without parked keys, halted partitions and rebuilds, the state costs a read one column of the
//! statement that it runs anyway. To add a token, extend `tokens.rs`, [`ReadState`] and the
//! stable name that [`factline_postgres::ViewName::state`] returns.

use axum::http::HeaderMap;
use axum::response::Response;
use factline_http::{Problem, freshness};
use factline_kafka::topics::partition_of;
use factline_postgres::consistent_read::Snapshot;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::parked::{self, Parked};
use crate::read_your_writes::database;
use crate::stable_name;
use crate::tokens::{FRESH, HALTED, PARKED, REBUILDING, WAITED};

/// Column that is true if the state of a view must be loaded, beside those of a row.
const COLUMN: &str = "factline_has_state";

/// The state of a response, in one snapshot.
#[derive(Debug, Clone, Default)]
pub struct ReadState {
    has_waited: bool,
    parked: Parked,
    /// Partitions that the view's follower has halted, of those that the response depends on.
    is_halted: bool,
    is_rebuilding: bool,
}

/// Events that a response depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Events<'i> {
    /// Those of any aggregate.
    All,
    /// Those of an item with this id, which may be that of an aggregate.
    Item(&'i str),
    /// Those of the aggregate with this id.
    Aggregate(&'i str),
}

/// Returns whether the view has any state, as a column of a query.
pub(crate) fn column(view: &str) -> String {
    let (parked, state) = (stable_name::parked(view), stable_name::state(view));
    format!("(exists (select from {parked}) or exists (select from {state})) as {COLUMN}")
}

/// Returns whether a row was read while the view had any state.
pub(crate) fn has_state(row: &PgRow) -> Result<bool, sqlx::Error> {
    row.try_get(COLUMN)
}

impl ReadState {
    /// Loads the state of a view.
    pub async fn of_view(snapshot: &mut Snapshot, view: &str) -> Result<Self, Problem> {
        Self::load(snapshot, view, Events::All).await
    }

    /// Loads the state of a view, as far as it concerns the aggregate with this id. The response
    /// must depend on no other aggregate.
    pub async fn of_aggregate(
        snapshot: &mut Snapshot,
        view: &str,
        id: &str,
    ) -> Result<Self, Problem> {
        Self::load(snapshot, view, Events::Aggregate(id)).await
    }

    /// Returns the state of a response whose view has none.
    pub(crate) fn none(snapshot: &Snapshot) -> Self {
        Self {
            has_waited: snapshot.has_waited(),
            ..Self::default()
        }
    }

    pub(crate) async fn load(
        snapshot: &mut Snapshot,
        view: &str,
        events: Events<'_>,
    ) -> Result<Self, Problem> {
        let (state, checkpoints) = (stable_name::state(view), stable_name::checkpoints(view));
        let parked = parked::columns(view);
        let halted =
            format!("from {state} as halt where state = 'halted' order by topic, partition");
        // Each partition of a topic has a checkpoint.
        let sql = format!(
            "select exists (select from {state} where state = 'rebuilding'), \
                 array(select partition {halted}), \
                 array(select coalesce((select max(partition) + 1 from {checkpoints} as known \
                                        where known.topic = halt.topic), 0) {halted}), \
                 {parked}"
        );
        let id = match events {
            Events::All => None,
            Events::Item(id) | Events::Aggregate(id) => Some(id),
        };
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .fetch_one(&mut **snapshot)
            .await
            .map_err(database)?;
        let loaded = Self::decode(&row, events).map_err(database)?;
        Ok(Self {
            has_waited: snapshot.has_waited(),
            ..loaded
        })
    }

    fn decode(row: &PgRow, events: Events<'_>) -> Result<Self, sqlx::Error> {
        let halted: Vec<i32> = row.try_get(1)?;
        let counts: Vec<i32> = row.try_get(2)?;
        let concerns = |(partition, count): (i32, i32)| match events {
            Events::Aggregate(id) if count > 0 => partition_of(id.as_bytes(), count) == partition,
            _ => true,
        };
        let is_of_aggregate = matches!(events, Events::Aggregate(_));
        Ok(Self {
            has_waited: false,
            parked: Parked::decode(row, is_of_aggregate)?,
            is_halted: halted.into_iter().zip(counts).any(concerns),
            is_rebuilding: row.try_get(0)?,
        })
    }

    /// Refuses a request whose position needs a parked event of the aggregate.
    pub fn check(&self, request: &HeaderMap) -> Result<(), Problem> {
        if self.parked.is_needed(request)? {
            return Err(self.on_problem(parked::parked()));
        }
        Ok(())
    }

    /// Adds the headers to a response.
    pub fn on(&self, mut response: Response) -> Response {
        for (name, value) in self.headers() {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// Adds the headers to a problem, such as a 404.
    #[must_use]
    pub fn on_problem(&self, problem: Problem) -> Problem {
        let headers = self.headers();
        headers.fold(problem, |problem, (name, value)| {
            problem.header(name, value)
        })
    }

    fn headers(&self) -> impl Iterator<Item = (axum::http::HeaderName, String)> {
        let read = (freshness::READ, self.tokens().join(", "));
        std::iter::once(read).chain(self.parked.headers())
    }

    fn tokens(&self) -> Vec<&'static str> {
        let first = if self.has_waited { WAITED } else { FRESH };
        let others = [
            (self.is_halted, HALTED),
            (self.parked.concerns(), PARKED),
            (self.is_rebuilding, REBUILDING),
        ];
        let others = others.into_iter().filter(|(applies, _)| *applies);
        std::iter::once(first)
            .chain(others.map(|(_, token)| token))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_one_order() {
        assert_eq!(ReadState::default().tokens(), ["fresh"]);
        let state = ReadState {
            has_waited: true,
            is_halted: true,
            is_rebuilding: true,
            ..ReadState::default()
        };
        assert_eq!(state.tokens(), ["waited", "halted", "rebuilding"]);
    }
}
