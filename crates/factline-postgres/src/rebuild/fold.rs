//! Rows of a view in memory, folded from events.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::pin::Pin;
use std::sync::Arc;

use factline_kafka::{Record, Registry};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Error, PgConnection};

use crate::columns::{Arrays, Delta as _};
use crate::sink::{Poison, SinkError};
use crate::view::additive::{self, AdditiveView};
use crate::view::event::{caught, decode};
use crate::view::folded::{self, RowId, View};

/// Number of rows that one statement inserts.
const INSERTED_ROWS: usize = 5_000;

type Answer<'f, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'f>>;

/// Rows in memory.
pub(crate) trait Fold: Send {
    /// Applies records in their order. If one cannot be applied, the rows are no longer usable.
    fn apply<'f>(
        &'f mut self,
        registry: &'f Registry,
        records: &'f [Record],
    ) -> Answer<'f, (), SinkError>;

    /// Returns the number of rows.
    fn rows(&self) -> usize;

    /// Drops the rows whose keys are not in the range. From then on, events change only rows with
    /// keys in it. Returns false if the rows can be inserted at any time instead, and added to
    /// those that are there: the fold then drops nothing.
    fn narrow(&mut self, range: KeyRange) -> bool;

    /// Drops all rows.
    fn clear(&mut self);

    /// Inserts the rows by a statement that has one argument for each column of the table.
    fn insert<'f>(
        &'f self,
        connection: &'f mut PgConnection,
        statement: &'f Arc<str>,
    ) -> Answer<'f, (), Error>;

    /// Returns the rows as JSON, by a statement that has one argument for each column of the table.
    fn json<'f>(
        &'f self,
        connection: &'f mut PgConnection,
        statement: &'f Arc<str>,
    ) -> Answer<'f, Vec<Value>, Error>;
}

/// Divides rows into those of one statement each.
fn chunks<R>(mut rows: impl Iterator<Item = R>) -> impl Iterator<Item = Vec<R>> {
    std::iter::from_fn(move || {
        let chunk: Vec<_> = rows.by_ref().take(INSERTED_ROWS).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Runs a statement that returns rows as JSON.
pub(crate) async fn query_json(
    connection: &mut PgConnection,
    statement: &Arc<str>,
    arrays: Arrays,
) -> Result<Vec<Value>, Error> {
    let sql = AssertSqlSafe(Arc::clone(statement));
    sqlx::query_scalar_with(sql, arrays.into_arguments())
        .fetch_all(connection)
        .await
}

/// A part of the keys, chosen by their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// Number of parts.
    of: u64,
    /// Number of this part.
    part: u64,
}

impl KeyRange {
    /// All keys.
    pub(crate) const ALL: Self = Self { of: 1, part: 0 };

    /// Divides the range into two halves.
    pub(crate) fn halves(self) -> [Self; 2] {
        let of = self.of * 2;
        [self.part, self.part + self.of].map(|part| Self { of, part })
    }

    fn contains(self, key: &impl Hash) -> bool {
        if self.of == 1 {
            return true;
        }
        // A fixed hash, so that every pass finds the same keys.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish() % self.of == self.part
    }
}

/// Rows of a [`View`].
pub(crate) struct FoldedRows<V: View> {
    range: KeyRange,
    /// No row is `None` between two records.
    rows: HashMap<RowId<V::Key>, Option<V::Row>>,
}

impl<V: View> FoldedRows<V> {
    pub(crate) fn boxed(range: KeyRange) -> Box<dyn Fold> {
        Box::new(Self {
            range,
            rows: HashMap::new(),
        })
    }

    fn present(&self) -> impl Iterator<Item = (&RowId<V::Key>, &V::Row)> {
        let rows = self.rows.iter();
        rows.filter_map(|(id, row)| row.as_ref().map(|row| (id, row)))
    }

    async fn apply_one(&mut self, registry: &Registry, record: &Record) -> Result<(), SinkError> {
        let event = decode(registry, record).await?;
        let mut keys = caught(record, || V::keys(&event))?;
        if keys.len() > 1 {
            keys.sort_unstable();
            keys.dedup();
        }
        for key in keys.into_iter().filter(|key| self.range.contains(key)) {
            let id = RowId {
                key,
                source_partition: record.partition,
            };
            match self.rows.entry(id) {
                Entry::Occupied(mut known) => {
                    let row = known.get_mut().take();
                    let row = caught(record, || V::apply(&known.key().key, row, &event))?;
                    if row.is_some() {
                        *known.get_mut() = row;
                    } else {
                        known.remove();
                    }
                }
                Entry::Vacant(new) => {
                    let row = caught(record, || V::apply(&new.key().key, None, &event))?;
                    if row.is_some() {
                        new.insert(row);
                    }
                }
            }
        }
        Ok(())
    }
}

impl<V: View> Fold for FoldedRows<V> {
    fn apply<'f>(
        &'f mut self,
        registry: &'f Registry,
        records: &'f [Record],
    ) -> Answer<'f, (), SinkError> {
        Box::pin(async move {
            for record in records {
                self.apply_one(registry, record).await?;
            }
            Ok(())
        })
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn narrow(&mut self, range: KeyRange) -> bool {
        self.range = range;
        self.rows.retain(|id, _| range.contains(&id.key));
        true
    }

    fn clear(&mut self) {
        self.rows.clear();
    }

    fn insert<'f>(
        &'f self,
        connection: &'f mut PgConnection,
        statement: &'f Arc<str>,
    ) -> Answer<'f, (), Error> {
        Box::pin(async move {
            for chunk in chunks(self.present()) {
                folded::insert::<V>(connection, statement, chunk.into_iter()).await?;
            }
            Ok(())
        })
    }

    fn json<'f>(
        &'f self,
        connection: &'f mut PgConnection,
        statement: &'f Arc<str>,
    ) -> Answer<'f, Vec<Value>, Error> {
        Box::pin(async move {
            let mut all = Vec::with_capacity(self.rows());
            for chunk in chunks(self.present()) {
                let arrays = folded::arrays::<V>(chunk.into_iter())?;
                all.extend(query_json(connection, statement, arrays).await?);
            }
            Ok(all)
        })
    }
}

/// Sums of an [`AdditiveView`].
pub(crate) struct Sums<V: AdditiveView>(HashMap<V::Key, V::Delta>);

impl<V: AdditiveView> Sums<V> {
    /// Returns sums of no events. Sums are never divided into ranges.
    pub(crate) fn boxed(_: KeyRange) -> Box<dyn Fold> {
        Box::new(Self(HashMap::new()))
    }

    async fn apply_one(&mut self, registry: &Registry, record: &Record) -> Result<(), SinkError> {
        let event = decode(registry, record).await?;
        for (key, delta) in caught(record, || V::deltas(&event))? {
            match self.0.get_mut(&key) {
                Some(sum) => {
                    let added = sum.add(&delta);
                    added.map_err(|error| Poison::new(record, error))?;
                }
                None => {
                    self.0.insert(key, delta);
                }
            }
        }
        Ok(())
    }
}

impl<V: AdditiveView> Fold for Sums<V> {
    fn apply<'f>(
        &'f mut self,
        registry: &'f Registry,
        records: &'f [Record],
    ) -> Answer<'f, (), SinkError> {
        Box::pin(async move {
            for record in records {
                self.apply_one(registry, record).await?;
            }
            Ok(())
        })
    }

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn narrow(&mut self, _: KeyRange) -> bool {
        false
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn insert<'f>(
        &'f self,
        connection: &'f mut PgConnection,
        statement: &'f Arc<str>,
    ) -> Answer<'f, (), Error> {
        Box::pin(async move {
            for chunk in chunks(self.0.iter()) {
                additive::insert::<V>(connection, statement, chunk.into_iter()).await?;
            }
            Ok(())
        })
    }

    fn json<'f>(
        &'f self,
        connection: &'f mut PgConnection,
        statement: &'f Arc<str>,
    ) -> Answer<'f, Vec<Value>, Error> {
        Box::pin(async move {
            let mut all = Vec::with_capacity(self.rows());
            for chunk in chunks(self.0.iter()) {
                let arrays = additive::arrays::<V>(chunk.into_iter())?;
                all.extend(query_json(connection, statement, arrays).await?);
            }
            Ok(all)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_a_range_have_each_of_its_keys_once() {
        let mut ranges = vec![KeyRange::ALL];
        for _ in 0..4 {
            ranges = ranges.into_iter().flat_map(KeyRange::halves).collect();
            for key in 0..1_000 {
                let found = ranges.iter().filter(|range| range.contains(&key)).count();
                assert_eq!(found, 1, "{key}");
            }
        }
        let widest = ranges.iter().map(|range| {
            let inside = (0..1_000).filter(|key| range.contains(key));
            inside.count()
        });
        assert!(widest.max() < Some(120), "the hash spreads keys");
    }
}
