//! Writes a folded batch: one upsert, the outcomes that lost, and the changes for the feed.

use std::collections::BTreeMap;

use factline_failpoints::{Mutant, sql};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Row as _};

use crate::fold::Folded;
use crate::observation::{RecordId, StatusUpdate};
use crate::{anomaly, feed, transition};

/// Writes a folded batch.
pub async fn write(transaction: &mut PgConnection, batch: &Folded) -> Result<(), sqlx::Error> {
    let rows = upsert(transaction, batch).await?;
    let mut winners = BTreeMap::new();
    let mut lost: Vec<anomaly::Anomaly> = batch.anomalies.iter().map(Into::into).collect();
    let mut changes = Vec::new();
    for row in &rows {
        let change = transition::Change::from_row(row)?;
        if change.displaced() {
            lost.push(anomaly::Anomaly::from_row(row)?);
        }
        transition::count(&change);
        changes.extend(change.in_feed());
        winners.insert(change.id, change.record_id);
    }
    // A terminal outcome that its row does not show has lost, or was written before.
    let unseen = batch.operations.values().filter(|update| {
        update.state.is_terminal() && winners.get(&update.id) != Some(&update.record_id)
    });
    lost.extend(unseen.map(Into::into));
    anomaly::keep(transaction, &lost).await?;
    // Last, because no other instance can commit changes while this transaction holds the lock.
    feed::add(transaction, &changes).await
}

async fn upsert(
    transaction: &mut PgConnection,
    batch: &Folded,
) -> Result<Vec<sqlx::postgres::PgRow>, sqlx::Error> {
    let upsert = sql(Mutant::NoAbsorption, include_str!("upsert.sql"));
    sqlx::query(AssertSqlSafe(upsert))
        .bind(column(batch, |said| said.id))
        .bind(column(batch, |said| said.state.as_str()))
        .bind(column(batch, StatusUpdate::rank))
        .bind(column(batch, |said| said.record_id.topic.as_str()))
        .bind(column(batch, |said| said.record_id.partition))
        .bind(column(batch, |said| said.record_id.offset))
        .bind(column(batch, |said| said.name.as_str()))
        .bind(column(batch, |said| said.aggregate.as_str()))
        .bind(column(batch, |said| said.resource_id.as_deref()))
        .bind(column(batch, |said| said.code.as_deref()))
        .bind(column(batch, |said| said.reason.as_deref()))
        .bind(column(batch, |said| said.user_id.as_str()))
        .bind(column(batch, |said| said.version))
        .bind(column(batch, |said| said.position.as_deref()))
        .bind(column(batch, |said| said.parent))
        .bind(column(batch, |said| said.root))
        .bind(column(batch, |said| said.retry_of))
        .bind(column(batch, |said| said.created_at))
        .bind(column(batch, |said| said.updated_at))
        .bind(column(batch, |said| said.kind))
        .bind(column(batch, |said| Some(said.pending?.partition)))
        .bind(column(batch, |said| Some(said.pending?.offset)))
        .bind(column(batch, |said| Some(said.pending?.at)))
        .bind(column(batch, |said| Some(said.running?.partition)))
        .bind(column(batch, |said| Some(said.running?.offset)))
        .bind(column(batch, |said| Some(said.running?.at)))
        .bind(column(batch, |said| said.expires_at))
        .fetch_all(transaction)
        .await
}

fn column<'a, T>(batch: &'a Folded, value: impl Fn(&'a StatusUpdate) -> T) -> Vec<T> {
    batch.operations.values().map(value).collect()
}

impl FromRow<'_, sqlx::postgres::PgRow> for transition::Change {
    fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        let record_id = |topic: Option<String>, partition: Option<i32>, offset: Option<i64>| {
            Some(RecordId {
                topic: topic?,
                partition: partition?,
                offset: offset?,
            })
        };
        Ok(Self {
            id: row.try_get("id")?,
            state: row.try_get("state")?,
            rank: row.try_get("rank")?,
            old_rank: row.try_get("old_rank")?,
            record_id: RecordId {
                topic: row.try_get("topic")?,
                partition: row.try_get("partition")?,
                offset: row.try_get("offset")?,
            },
            old_state: row.try_get("old_state")?,
            old_record_id: record_id(
                row.try_get("old_topic")?,
                row.try_get("old_partition")?,
                row.try_get("old_offset")?,
            ),
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
