//! Sink of a view whose rows are folded.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use factline::{EventOf, Recorded};
use factline_kafka::{Record, Registry};
use sqlx::PgConnection;

use crate::sink::{Poison, PoisonPolicy, Sink, SinkError};

use super::event::{caught, decode};
use super::folded::{self, RowId, View};
use super::statements::Statements;
use super::table::Table;

/// Sink of a view. It folds all events of a batch into the affected rows, in memory and in order,
/// and then writes each changed row once.
#[derive(Debug)]
pub struct ViewSink<V> {
    registry: Registry,
    copy: Option<Arc<Statements>>,
    view: PhantomData<V>,
}

/// An event of a batch with the rows that it changes.
struct Concern<'r, V: View> {
    record: &'r Record,
    event: Recorded<EventOf<V::Source>>,
    ids: BTreeSet<RowId<V::Key>>,
}

/// Two source partitions have events of one row, and the view declares one row for each key.
#[derive(Debug, thiserror::Error)]
#[error(
    "view {view}: events of the partitions {first} and {second} change the same row, and each would \
     overwrite the changes of the other: set PER_PARTITION, or implement AdditiveView"
)]
struct SharedRow {
    view: &'static str,
    first: i32,
    second: i32,
}

impl<V: View> ViewSink<V> {
    /// Creates a sink that finds schemas in the registry.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            copy: None,
            view: PhantomData,
        }
    }

    /// Writes into a copy of the view's table, by the statements that the kit makes.
    pub(crate) fn into_copy(self, table: &Table) -> Self {
        let copy = Some(Arc::new(Statements::new(table)));
        Self { copy, ..self }
    }
}

impl<V: View> Sink for ViewSink<V> {
    fn poison(&self) -> PoisonPolicy {
        V::POISON
    }

    async fn write(
        &mut self,
        transaction: &mut PgConnection,
        records: &[Record],
    ) -> Result<(), SinkError> {
        let mut concerns = Vec::with_capacity(records.len());
        for record in records {
            let event = decode(&self.registry, record).await?;
            let keys = caught(record, || V::keys(&event))?;
            let ids = keys.into_iter().map(|key| RowId {
                key,
                source_partition: record.partition,
            });
            concerns.push(Concern::<V> {
                record,
                ids: ids.collect(),
                event,
            });
        }
        let ids: BTreeSet<_> = concerns
            .iter()
            .flat_map(|concern| concern.ids.iter().cloned())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = ids.into_iter().collect();
        if !V::PER_PARTITION {
            refuse_shared_rows(&concerns, &ids)?;
        }
        let before = match &self.copy {
            Some(copy) => folded::load::<V>(transaction, copy, &ids).await?,
            None => V::load(transaction, &ids).await?,
        };
        let before: BTreeMap<_, _> = before.into_iter().collect();
        let mut rows = before.clone();
        for concern in concerns {
            for id in concern.ids {
                let row = rows.remove(&id);
                let applied = caught(concern.record, || V::apply(&id.key, row, &concern.event))?;
                if let Some(row) = applied {
                    rows.insert(id, row);
                }
            }
        }
        let deleted: Vec<_> = before
            .keys()
            .filter(|id| !rows.contains_key(id))
            .cloned()
            .collect();
        let changed: Vec<_> = rows
            .into_iter()
            .filter(|(id, row)| before.get(id) != Some(row))
            .collect();
        if !deleted.is_empty() {
            match &self.copy {
                Some(copy) => folded::delete::<V>(transaction, copy, &deleted).await?,
                None => V::delete(transaction, &deleted).await?,
            }
        }
        if !changed.is_empty() {
            match &self.copy {
                Some(copy) => {
                    let changed = changed.iter().map(|(id, row)| (id, row));
                    folded::insert::<V>(transaction, &copy.upsert, changed).await?;
                }
                None => V::upsert(transaction, &changed).await?,
            }
        }
        Ok(())
    }
}

/// Refuses a batch in which two partitions change the row of a key. The ids are sorted, so those of
/// one key are neighbours.
fn refuse_shared_rows<V: View>(
    concerns: &[Concern<'_, V>],
    ids: &[RowId<V::Key>],
) -> Result<(), Poison> {
    let shared = ids.array_windows().find(|[one, next]| one.key == next.key);
    let Some([one, next]) = shared else {
        return Ok(());
    };
    let last = concerns
        .iter()
        .rev()
        .find(|concern| concern.ids.contains(next));
    last.map_or(Ok(()), |last| {
        let cause = SharedRow {
            view: V::NAME,
            first: one.source_partition,
            second: next.source_partition,
        };
        // The declaration of the view is wrong, and not the record.
        Err(Poison::new(last.record, cause).halting())
    })
}
