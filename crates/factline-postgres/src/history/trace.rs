//! The changes of chosen rows, folded from events.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use factline::{Envelope, Timestamp};
use factline_kafka::{Record, Registry};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::columns::{Delta as _, RowKey};
use crate::rebuild::fold::query_json;
use crate::sink::{Poison, SinkError};
use crate::view::additive::{self, AdditiveView};
use crate::view::event::{caught, decode};
use crate::view::folded::{self, RowId, View};
use crate::view::table::Table;

use super::{Change, Error};

type Answer<'f, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'f>>;

/// Traces chosen rows.
pub(crate) trait Trace: Send {
    /// Returns the names of the key's columns.
    fn key_columns(&self) -> Vec<&'static str>;

    /// Chooses rows by their keys, JSON objects.
    fn choose<'f>(
        &'f mut self,
        connection: &'f mut PgConnection,
        keys: &'f [Value],
    ) -> Answer<'f, (), Error>;

    /// Applies an event.
    fn apply<'f>(
        &'f mut self,
        registry: &'f Registry,
        record: &'f Record,
    ) -> Answer<'f, (), SinkError>;

    /// Returns the changes so far, partition by partition.
    fn changes<'f>(
        &'f mut self,
        connection: &'f mut PgConnection,
    ) -> Answer<'f, Vec<Change>, Error>;
}

/// A change whose rows are not JSON yet.
struct Traced<I, R> {
    id: I,
    envelope: Envelope,
    topic: String,
    partition: i32,
    offset: i64,
    time: Timestamp,
    after: Option<R>,
}

impl<I, R> Traced<I, R> {
    fn new(record: &Record, envelope: Envelope, id: I, after: Option<R>) -> Self {
        Self {
            id,
            envelope,
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            time: record.timestamp,
            after,
        }
    }
}

/// Rows of a [`View`].
pub(crate) struct TracedRows<V: View> {
    chosen: HashSet<V::Key>,
    rows: HashMap<RowId<V::Key>, V::Row>,
    changes: Vec<Traced<RowId<V::Key>, V::Row>>,
}

impl<V: View> TracedRows<V> {
    pub(crate) fn boxed() -> Box<dyn Trace> {
        Box::new(Self {
            chosen: HashSet::new(),
            rows: HashMap::new(),
            changes: Vec::new(),
        })
    }
}

impl<V: View> Trace for TracedRows<V> {
    fn key_columns(&self) -> Vec<&'static str> {
        names::<V::Key>(V::KEY)
    }

    fn choose<'f>(
        &'f mut self,
        connection: &'f mut PgConnection,
        keys: &'f [Value],
    ) -> Answer<'f, (), Error> {
        Box::pin(async move {
            let keys = parse::<V::Key>(connection, &keys_of::<V>(), V::KEY, keys).await?;
            self.chosen.extend(keys);
            Ok(())
        })
    }

    fn apply<'f>(
        &'f mut self,
        registry: &'f Registry,
        record: &'f Record,
    ) -> Answer<'f, (), SinkError> {
        Box::pin(async move {
            let event = decode(registry, record).await?;
            let keys: BTreeSet<_> = caught(record, || V::keys(&event))?.into_iter().collect();
            for key in keys.into_iter().filter(|key| self.chosen.contains(key)) {
                let id = RowId {
                    key,
                    source_partition: record.partition,
                };
                let before = self.rows.remove(&id);
                let after = caught(record, || V::apply(&id.key, before.clone(), &event))?;
                if let Some(after) = &after {
                    self.rows.insert(id.clone(), after.clone());
                }
                if after != before {
                    let change = Traced::new(record, event.envelope.clone(), id, after);
                    self.changes.push(change);
                }
            }
            Ok(())
        })
    }

    fn changes<'f>(
        &'f mut self,
        connection: &'f mut PgConnection,
    ) -> Answer<'f, Vec<Change>, Error> {
        Box::pin(async move {
            let columns = self.key_columns();
            let statement: Arc<str> = folded::table::<V>().json().into();
            let rows = self.changes.iter();
            let rows = rows.filter_map(|change| Some((&change.id, change.after.as_ref()?)));
            let arrays = folded::arrays::<V>(rows)?;
            let mut after = query_json(connection, &statement, arrays)
                .await?
                .into_iter();
            let mut last: HashMap<RowId<V::Key>, Value> = HashMap::new();
            let mut keys: HashMap<V::Key, Value> = HashMap::new();
            let mut all = Vec::new();
            for traced in std::mem::take(&mut self.changes) {
                let after = traced.after.as_ref().and_then(|_| after.next());
                let before = match &after {
                    Some(after) => last.insert(traced.id.clone(), after.clone()),
                    None => last.remove(&traced.id),
                };
                let shown = after.as_ref().or(before.as_ref());
                let key = keys
                    .entry(traced.id.key.clone())
                    .or_insert_with(|| key_of(&columns, shown));
                all.push(change(traced, key.clone(), before, after));
            }
            Ok(all)
        })
    }
}

/// Sums of an [`AdditiveView`]. Their changes are what each event adds, because the events of
/// different partitions have no order.
pub(crate) struct TracedSums<V: AdditiveView> {
    chosen: HashSet<V::Key>,
    changes: Vec<Traced<V::Key, V::Delta>>,
}

impl<V: AdditiveView> TracedSums<V> {
    pub(crate) fn boxed() -> Box<dyn Trace> {
        Box::new(Self {
            chosen: HashSet::new(),
            changes: Vec::new(),
        })
    }
}

impl<V: AdditiveView> Trace for TracedSums<V> {
    fn key_columns(&self) -> Vec<&'static str> {
        names::<V::Key>(V::KEY)
    }

    fn choose<'f>(
        &'f mut self,
        connection: &'f mut PgConnection,
        keys: &'f [Value],
    ) -> Answer<'f, (), Error> {
        Box::pin(async move {
            let table = additive::table::<V>();
            let keys = parse::<V::Key>(connection, &table, V::KEY, keys).await?;
            self.chosen.extend(keys);
            Ok(())
        })
    }

    fn apply<'f>(
        &'f mut self,
        registry: &'f Registry,
        record: &'f Record,
    ) -> Answer<'f, (), SinkError> {
        Box::pin(async move {
            let event = decode(registry, record).await?;
            let mut added: Vec<(V::Key, V::Delta)> = Vec::new();
            for (key, delta) in caught(record, || V::deltas(&event))? {
                if !self.chosen.contains(&key) {
                    continue;
                }
                match added.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, sum)) => {
                        let sum = sum.add(&delta);
                        sum.map_err(|error| Poison::new(record, error))?;
                    }
                    None => added.push((key, delta)),
                }
            }
            for (key, delta) in added {
                let envelope = event.envelope.clone();
                self.changes
                    .push(Traced::new(record, envelope, key, Some(delta)));
            }
            Ok(())
        })
    }

    fn changes<'f>(
        &'f mut self,
        connection: &'f mut PgConnection,
    ) -> Answer<'f, Vec<Change>, Error> {
        Box::pin(async move {
            let columns = self.key_columns();
            let statement: Arc<str> = additive::table::<V>().json().into();
            let rows = self.changes.iter();
            let rows = rows.filter_map(|change| Some((&change.id, change.after.as_ref()?)));
            let arrays = additive::arrays::<V>(rows)?;
            let after = query_json(connection, &statement, arrays).await?;
            let traced = std::mem::take(&mut self.changes);
            let changes = traced.into_iter().zip(after).map(|(traced, after)| {
                let key = key_of(&columns, Some(&after));
                change(traced, key, None, Some(after))
            });
            Ok(changes.collect())
        })
    }
}

fn change<I, R>(
    traced: Traced<I, R>,
    key: Value,
    before: Option<Value>,
    after: Option<Value>,
) -> Change {
    Change {
        key,
        envelope: traced.envelope,
        topic: traced.topic,
        partition: traced.partition,
        offset: traced.offset,
        time: traced.time,
        before,
        after,
    }
}

/// Returns the table of a view as keys are written: without the partition of the events.
fn keys_of<V: View>() -> Table {
    Table::new::<V::Key, V::Row>(folded::name::<V>(), V::KEY, false)
}

fn names<K: RowKey>(name: &'static str) -> Vec<&'static str> {
    let columns = K::columns(name);
    columns.into_iter().map(|column| column.name).collect()
}

/// Returns the key of a row in JSON.
fn key_of(columns: &[&str], row: Option<&Value>) -> Value {
    let fields = columns.iter().map(|column| {
        let value = row.and_then(|row| row.get(*column)).cloned();
        ((*column).to_owned(), value.unwrap_or_default())
    });
    Value::Object(fields.collect())
}

/// Returns the error of keys with values that their columns cannot have: SQLSTATE class 22.
fn refused(keys: &[Value], error: sqlx::Error) -> Error {
    let database = error.as_database_error();
    let cause = database.filter(|error| error.code().is_some_and(|code| code.starts_with("22")));
    match cause.map(|cause| cause.message().to_owned()) {
        Some(cause) => {
            let keys: Vec<String> = keys.iter().take(3).map(ToString::to_string).collect();
            let key = keys.join(", ");
            Error::KeyValue { key, cause }
        }
        None => error.into(),
    }
}

/// Reads keys from JSON objects.
async fn parse<K: RowKey>(
    connection: &mut PgConnection,
    table: &Table,
    name: &'static str,
    keys: &[Value],
) -> Result<Vec<K>, Error> {
    let columns = names::<K>(name);
    for key in keys {
        let is_key = key.as_object().is_some_and(|fields| {
            fields.len() == columns.len() && columns.iter().all(|name| fields.contains_key(*name))
        });
        if !is_key {
            return Err(Error::Key {
                key: key.to_string(),
                columns: columns.join(", "),
            });
        }
    }
    let rows = sqlx::query(AssertSqlSafe(table.keys_of_json()))
        .bind(Value::Array(keys.to_vec()))
        .fetch_all(connection)
        .await
        .map_err(|error| refused(keys, error))?;
    let keys = rows.iter().map(|row| K::decode(row, name));
    Ok(keys.collect::<Result<_, _>>()?)
}
