//! Parked keys: aggregates of which a view could not apply an event. Responses say that they may
//! lack events, and a read of a parked aggregate never passes for fresh.
//!
//! Each response of a view with parked keys has the header `Factline-Parked-Keys` with their
//! number. A response about an aggregate that is parked itself also has `Factline-Parked-Since`
//! with the time of the first event that it lacks. If the request has a position at or after that
//! event, it gets the problem `read-parked` instead.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use factline_http::{Problem, freshness};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Postgres, Row as _, Transaction};

use crate::read_your_writes::database;
use crate::stable_name;

/// Column of the number of parked keys, beside those of a row.
pub(crate) const COLUMN: &str = "factline_parked_keys";

/// The parked keys of a view, in one snapshot.
#[derive(Debug, Clone, Default)]
pub struct Parked {
    /// Number of keys.
    keys: i64,
    /// The first parked event of the aggregate that was asked for.
    own: Option<Event>,
}

/// A parked event.
#[derive(Debug, Clone)]
struct Event {
    topic: String,
    partition: i32,
    sequence: u64,
    time: DateTime<Utc>,
}

/// Returns the number of parked keys as a column of a query.
pub(crate) fn column(view: &str) -> String {
    format!(
        "(select count(*) from {}) as {COLUMN}",
        stable_name::parked(view)
    )
}

/// Returns whether a row was read while the view had parked keys.
pub(crate) fn has_parked(row: &PgRow) -> Result<bool, sqlx::Error> {
    Ok(row.try_get::<i64, _>(COLUMN)? > 0)
}

impl Parked {
    /// Loads the number of parked keys of a view.
    pub async fn of_view(
        snapshot: &mut Transaction<'static, Postgres>,
        view: &str,
    ) -> Result<Self, Problem> {
        Self::load(snapshot, view, None).await
    }

    /// Loads the number of parked keys of a view, and whether the aggregate with this id is one of
    /// them.
    pub async fn of_aggregate(
        snapshot: &mut Transaction<'static, Postgres>,
        view: &str,
        id: &str,
    ) -> Result<Self, Problem> {
        Self::load(snapshot, view, Some(id)).await
    }

    async fn load(
        snapshot: &mut Transaction<'static, Postgres>,
        view: &str,
        id: Option<&str>,
    ) -> Result<Self, Problem> {
        let parked = stable_name::parked(view);
        // An aggregate has one partition, unless it is parked in a topic that was recreated.
        let sql = format!(
            "select (select count(*) from {parked}), own.* from (values (1)) as one \
             left join lateral (select topic, partition, sequence, event_time from {parked} \
                                where key = $1 order by event_time limit 1) as own on true"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .fetch_one(&mut **snapshot)
            .await
            .map_err(database)?;
        Self::decode(&row).map_err(database)
    }

    fn decode(row: &PgRow) -> Result<Self, sqlx::Error> {
        let topic: Option<String> = row.try_get(1)?;
        let own = topic.map(|topic| -> Result<Event, sqlx::Error> {
            Ok(Event {
                topic,
                partition: row.try_get(2)?,
                sequence: row.try_get::<i64, _>(3)?.cast_unsigned(),
                time: row.try_get(4)?,
            })
        });
        Ok(Self {
            keys: row.try_get(0)?,
            own: own.transpose()?,
        })
    }

    /// Refuses a request whose position needs a parked event of the aggregate.
    pub fn check(&self, request: &HeaderMap) -> Result<(), Problem> {
        let Some(own) = &self.own else {
            return Ok(());
        };
        let Some(position) = freshness::position(request)? else {
            return Ok(());
        };
        let mut points = position.points().iter();
        let is_needed = points.any(|point| {
            point.topic == own.topic
                && point.partition == own.partition
                && point.sequence >= own.sequence
        });
        if is_needed {
            return Err(self.on_problem(parked()));
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
        let keys = (self.keys > 0).then(|| (freshness::PARKED_KEYS, self.keys.to_string()));
        let since = self.own.as_ref().map(|own| {
            let time = own.time.to_rfc3339_opts(SecondsFormat::Millis, true);
            (freshness::PARKED_SINCE, time)
        });
        keys.into_iter().chain(since)
    }
}

/// Creates the 503 of an aggregate that is parked.
pub(crate) fn parked() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "read-parked",
        "The read model cannot apply the events of this item",
    )
    .header(axum::http::header::RETRY_AFTER, "60")
}
