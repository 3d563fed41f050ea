//! Parked keys: aggregates of which a view could not apply an event. Responses say that they may
//! lack events, and a read of a parked aggregate never passes for fresh.
//!
//! Each response of a view with parked keys has the header `Factline-Parked-Keys` with their
//! number. A response about an aggregate that is parked itself also has `Factline-Parked-Since`
//! with the time of the first event that it lacks. If the request has a position at or after that
//! event, it gets the problem `read-parked` instead.

use axum::http::{HeaderMap, HeaderName, StatusCode};
use chrono::{DateTime, SecondsFormat, Utc};
use factline_http::{Problem, freshness};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::stable_name;

/// The parked keys of a view, in one snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parked {
    /// Number of keys.
    keys: i64,
    /// The first parked event of the aggregate that was asked for.
    own: Option<Event>,
    /// True if the response depends on one aggregate.
    is_of_aggregate: bool,
}

/// A parked event.
#[derive(Debug, Clone)]
struct Event {
    topic: String,
    partition: i32,
    sequence: u64,
    time: DateTime<Utc>,
}

/// Returns the columns of the parked keys, with the tables that a query selects them from. `$1` is
/// the id of the aggregate that was asked for.
pub(crate) fn columns(view: &str) -> String {
    let parked = stable_name::parked(view);
    // An aggregate has one partition, unless it is parked in a topic that was recreated.
    format!(
        "(select count(*) from {parked}) as parked_keys, own.* from (values (1)) as one \
         left join lateral (select topic, partition, sequence, event_time from {parked} \
                            where key = $1 order by event_time limit 1) as own on true"
    )
}

impl Parked {
    /// Decodes the [`columns`].
    pub(crate) fn decode(row: &PgRow, is_of_aggregate: bool) -> Result<Self, sqlx::Error> {
        let topic: Option<String> = row.try_get("topic")?;
        let own = topic.map(|topic| -> Result<Event, sqlx::Error> {
            Ok(Event {
                topic,
                partition: row.try_get("partition")?,
                sequence: row.try_get::<i64, _>("sequence")?.cast_unsigned(),
                time: row.try_get("event_time")?,
            })
        });
        Ok(Self {
            keys: row.try_get("parked_keys")?,
            own: own.transpose()?,
            is_of_aggregate,
        })
    }

    /// Returns whether the response may lack events.
    pub(crate) fn concerns(&self) -> bool {
        self.own.is_some() || (self.keys > 0 && !self.is_of_aggregate)
    }

    /// Returns whether the position of a request needs a parked event of the aggregate.
    pub(crate) fn is_needed(&self, request: &HeaderMap) -> Result<bool, Problem> {
        let Some(own) = &self.own else {
            return Ok(false);
        };
        let Some(position) = freshness::position(request)? else {
            return Ok(false);
        };
        let mut points = position.points().iter();
        Ok(points.any(|point| {
            point.topic == own.topic
                && point.partition == own.partition
                && point.sequence >= own.sequence
        }))
    }

    /// Returns the headers of a response.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (HeaderName, String)> {
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
