//! Terminal outcomes that came second. A handler never writes two for one operation; if it ever does, the lowest
//! counts and the others are kept here, counted and logged.

use sqlx::{FromRow, PgConnection, Row as _};
use uuid::Uuid;

use crate::observation::{Place, Sighting};

/// An outcome that lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    operation_id: Uuid,
    place: Place,
    state: String,
    name: String,
    code: Option<String>,
    reason: Option<String>,
    version: Option<i64>,
    position: Option<String>,
}

impl From<&Sighting> for Anomaly {
    fn from(sighting: &Sighting) -> Self {
        Self {
            operation_id: sighting.id,
            place: sighting.place.clone(),
            state: sighting.state.as_str().to_owned(),
            name: sighting.name.clone(),
            code: sighting.code.clone(),
            reason: sighting.reason.clone(),
            version: sighting.version,
            position: sighting.position.clone(),
        }
    }
}

/// What the row said before.
impl FromRow<'_, sqlx::postgres::PgRow> for Anomaly {
    fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            operation_id: row.try_get("id")?,
            place: Place {
                topic: row.try_get("old_topic")?,
                partition: row.try_get("old_partition")?,
                offset: row.try_get("old_offset")?,
            },
            state: row.try_get("old_state")?,
            name: row.try_get("old_name")?,
            code: row.try_get("old_code")?,
            reason: row.try_get("old_reason")?,
            version: row.try_get("old_version")?,
            position: row.try_get("old_position")?,
        })
    }
}

/// Keeps those that are none of the rows' own.
pub(crate) async fn keep(
    transaction: &mut PgConnection,
    lost: &[Anomaly],
) -> Result<(), sqlx::Error> {
    if lost.is_empty() {
        return Ok(());
    }
    let kept: Vec<Uuid> = sqlx::query_scalar(include_str!("anomaly.sql"))
        .bind(column(lost, |lost| lost.operation_id))
        .bind(column(lost, |lost| lost.place.topic.as_str()))
        .bind(column(lost, |lost| lost.place.partition))
        .bind(column(lost, |lost| lost.place.offset))
        .bind(column(lost, |lost| lost.state.as_str()))
        .bind(column(lost, |lost| lost.name.as_str()))
        .bind(column(lost, |lost| lost.code.as_deref()))
        .bind(column(lost, |lost| lost.reason.as_deref()))
        .bind(column(lost, |lost| lost.version))
        .bind(column(lost, |lost| lost.position.as_deref()))
        .fetch_all(transaction)
        .await?;
    metrics::counter!("factline_operation_anomalies_total").increment(kept.len() as u64);
    for operation in kept {
        tracing::warn!(%operation, "an operation has a second terminal outcome; the lowest counts");
    }
    Ok(())
}

fn column<'a, T>(lost: &'a [Anomaly], value: impl Fn(&'a Anomaly) -> T) -> Vec<T> {
    lost.iter().map(value).collect()
}
