//! Views: projections whose rows are in PostgreSQL.
//!
//! A view contains three hand-written statements: load rows, upsert rows, delete rows, each for
//! many rows at once. [`ViewSink`] folds all events of a batch into the affected rows, in memory
//! and in order, and then writes each changed row once.
//!
//! To add a view, implement [`factline::Projection`] and [`View`], and follow its topic with a
//! [`ViewSink`] for it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::{Projection, Recorded, panic_message};
use factline_kafka::{Record, Registry, records::decode};
use sqlx::PgConnection;

use crate::sink::{Poison, Sink, SinkError};

/// Identity of a row: its key and the partition of its events.
///
/// If events of several partitions affect one key, each partition has a separate row, and readers
/// add the rows up. Then no two instances write the same row, and each row is the fold of a fixed
/// order. A view whose key is that of its events omits the partition from its table, because each
/// key then has only one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId<K> {
    /// The projection's key.
    pub key: K,
    /// Partition of the events.
    pub source_partition: i32,
}

/// Rows of a view with their ids.
pub type Rows<V> = Vec<(RowId<<V as Projection>::Key>, <V as Projection>::Row)>;

/// Projection with rows in PostgreSQL.
pub trait View: Projection {
    /// Stable name, such as `prices`.
    const NAME: &'static str;
    /// Version, increased with every change to the contents of a row. A new version is filled from
    /// the first event, beside the old one.
    const VERSION: i32;

    /// Loads the rows with these ids that exist.
    fn load(
        connection: &mut PgConnection,
        ids: &[RowId<Self::Key>],
    ) -> impl Future<Output = Result<Rows<Self>, sqlx::Error>>;

    /// Inserts or updates rows. The ids are distinct.
    fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<Self::Key>, Self::Row)],
    ) -> impl Future<Output = Result<(), sqlx::Error>>;

    /// Deletes existing rows.
    fn delete(
        connection: &mut PgConnection,
        ids: &[RowId<Self::Key>],
    ) -> impl Future<Output = Result<(), sqlx::Error>>;
}

/// Sink of a view.
#[derive(Debug)]
pub struct ViewSink<V> {
    registry: Registry,
    view: std::marker::PhantomData<V>,
}

impl<V: View> ViewSink<V> {
    /// Creates a sink that finds schemas in the registry.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            view: std::marker::PhantomData,
        }
    }
}

impl<V: View> Sink for ViewSink<V> {
    async fn write(
        &mut self,
        transaction: &mut PgConnection,
        records: &[Record],
    ) -> Result<(), SinkError> {
        let mut concerns = Vec::with_capacity(records.len());
        for record in records {
            let event = decode(&self.registry, record).await?;
            let keys = caught(record, || V::keys(&event))?;
            let ids: BTreeSet<_> = keys.into_iter().map(|key| id(record, key)).collect();
            concerns.push((record, event, ids));
        }
        let ids: BTreeSet<_> = concerns
            .iter()
            .flat_map(|(_, _, ids)| ids.iter().cloned())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = ids.into_iter().collect();
        let before: BTreeMap<_, _> = V::load(transaction, &ids).await?.into_iter().collect();
        let mut rows = before.clone();
        for (record, event, ids) in concerns {
            for id in ids {
                let row = rows.remove(&id);
                if let Some(row) = caught(record, || V::apply(&id.key, row, &event))? {
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
            V::delete(transaction, &deleted).await?;
        }
        if !changed.is_empty() {
            V::upsert(transaction, &changed).await?;
        }
        Ok(())
    }
}

fn id<K>(record: &Record, key: K) -> RowId<K> {
    RowId {
        key,
        source_partition: record.partition,
    }
}

async fn decode<E: factline::Messages>(
    registry: &Registry,
    record: &Record,
) -> Result<Recorded<E>, SinkError> {
    match decode::message(registry, record).await {
        Ok((envelope, event)) => Ok(Recorded { envelope, event }),
        Err(error) if error.is_transient() => Err(SinkError::Unavailable(error.into())),
        Err(error) => Err(Poison::new(record, error).into()),
    }
}

/// Runs the code of a projection. A projection cannot return an error, but its code can have a
/// defect. A panic makes the record poison and does not end the process.
fn caught<T>(record: &Record, code: impl FnOnce() -> T) -> Result<T, Poison> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let text = format!("projection panicked: {}", panic_message(panic.as_ref()));
        Poison::new(record, text)
    })
}
