//! Terminal outcomes that lost against another terminal outcome of the same operation. A handler
//! never writes two for one operation. If one ever does, the row keeps the first of them in the
//! order of topic, partition and offset. The others are stored here, counted and logged.

use sqlx::{FromRow, PgConnection, Row as _};
use uuid::Uuid;

use crate::observation::{RecordId, StatusUpdate};

/// A terminal outcome that the operation's row does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    operation_id: Uuid,
    record_id: RecordId,
    state: String,
    name: String,
    code: Option<String>,
    reason: Option<String>,
    version: Option<i64>,
    position: Option<String>,
}

impl From<&StatusUpdate> for Anomaly {
    fn from(update: &StatusUpdate) -> Self {
        Self {
            operation_id: update.id,
            record_id: update.record_id.clone(),
            state: update.state.as_str().to_owned(),
            name: update.name.clone(),
            code: update.code.clone(),
            reason: update.reason.clone(),
            version: update.version,
            position: update.position.clone(),
        }
    }
}

/// Reads the outcome that the row showed before.
impl FromRow<'_, sqlx::postgres::PgRow> for Anomaly {
    fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            operation_id: row.try_get("id")?,
            record_id: RecordId {
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

/// Stores the lost outcomes. It leaves out those that their rows show after all.
pub(crate) async fn keep(
    transaction: &mut PgConnection,
    lost: &[Anomaly],
) -> Result<(), sqlx::Error> {
    if lost.is_empty() {
        return Ok(());
    }
    let kept: Vec<Uuid> = sqlx::query_scalar(include_str!("anomaly.sql"))
        .bind(column(lost, |lost| lost.operation_id))
        .bind(column(lost, |lost| lost.record_id.topic.as_str()))
        .bind(column(lost, |lost| lost.record_id.partition))
        .bind(column(lost, |lost| lost.record_id.offset))
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
        tracing::warn!(%operation, "operation has a second terminal outcome; keeping the first in the log");
    }
    Ok(())
}

fn column<'a, T>(lost: &'a [Anomaly], value: impl Fn(&'a Anomaly) -> T) -> Vec<T> {
    lost.iter().map(value).collect()
}
