//! Views: projections whose rows are in PostgreSQL.
//!
//! A view writes three statements by hand: load rows, upsert rows, delete rows, each for many at once. [`ViewSink`] folds all
//! events of a batch into the rows they concern, in memory and in order, and then writes each changed row once.
//!
//! To add a view: implement [`factline::Projection`] and [`View`], and follow its topic with a [`ViewSink`] of it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::{Projection, Recorded, panic_message};
use factline_kafka::{Record, Registry, records::decode};
use sqlx::PgConnection;

use crate::sink::{Poison, Sink, SinkError};

/// Which row: its key, and the partition of the events that it is made of.
///
/// If events of several partitions concern one key, each partition has a row of its own and readers add them up: then no
/// two instances ever write the same row, and each row is the fold of an order that never changes. A view whose key is that
/// of its events leaves the partition out of its table, since there a key has one partition only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId<K> {
    /// The projection's key.
    pub key: K,
    /// The partition.
    pub source_partition: i32,
}

/// Rows of a view, each with its id.
pub type Rows<V> = Vec<(RowId<<V as Projection>::Key>, <V as Projection>::Row)>;

/// A projection's rows in PostgreSQL.
pub trait View: Projection {
    /// Stable name, such as `prices`.
    const NAME: &'static str;
    /// Raised with every change of what a row holds; a new version is filled from the first event on, beside the old one.
    const VERSION: i32;

    /// Those of the rows that there are.
    fn load(
        connection: &mut PgConnection,
        ids: &[RowId<Self::Key>],
    ) -> impl Future<Output = Result<Rows<Self>, sqlx::Error>>;

    /// Writes rows, whether they are there or not. No id comes twice.
    fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<Self::Key>, Self::Row)],
    ) -> impl Future<Output = Result<(), sqlx::Error>>;

    /// Deletes rows that are there.
    fn delete(
        connection: &mut PgConnection,
        ids: &[RowId<Self::Key>],
    ) -> impl Future<Output = Result<(), sqlx::Error>>;
}

/// The sink of a view.
#[derive(Debug)]
pub struct ViewSink<V> {
    registry: Registry,
    view: std::marker::PhantomData<V>,
}

impl<V: View> ViewSink<V> {
    /// A sink that finds schemas in the registry.
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

/// A projection cannot fail, but its code can have a defect: a panic is the record's poison, not the process's end.
fn caught<T>(record: &Record, code: impl FnOnce() -> T) -> Result<T, Poison> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let text = format!("projection panicked: {}", panic_message(panic.as_ref()));
        Poison::new(record, text)
    })
}
