//! Views whose rows are sums, one row for each key.
//!
//! The key need not be the key of the events: a customer's total is the sum over orders, which are
//! in all partitions. A row is changed by addition, `total = total + delta`, in the transaction
//! that moves the checkpoint of the source partition. So each event is added exactly once, and
//! sums do not depend on the order in which partitions are written.
//!
//! To add such a view, implement [`factline::AdditiveProjection`] and [`AdditiveView`]. Rows of
//! numbers that are not sums, such as a maximum or the last value, need a [`View`] with
//! [`View::PER_PARTITION`] and readers that merge its rows. A list cannot be sorted by what readers
//! merge, because no index has it.
//!
//! The price is a lock: transactions that add to the same row run one after the other, from the
//! statement to the commit. The statement is the last one of a transaction, and all transactions
//! lock rows in the order of their keys, so they cannot wait for each other in a circle.
//!
//! [`View`]: super::View
//! [`View::PER_PARTITION`]: super::View::PER_PARTITION

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use factline::AdditiveProjection;
use factline_kafka::{Record, Registry};
use sqlx::{Error, PgConnection};

use crate::columns::{Arrays, Columns, Delta, RowKey};
use crate::sink::{Poison, PoisonPolicy, Sink, SinkError};

use super::event::{caught, decode};
use super::folded::Migrations;
use super::name::ViewName;
use super::statements::{self, Statements, execute};
use super::table::Table;

/// Sums in PostgreSQL.
///
/// The statement follows from the columns of [`AdditiveProjection::Key`] and
/// [`AdditiveProjection::Delta`].
pub trait AdditiveView: AdditiveProjection<Key: RowKey, Delta: Delta> + Sized {
    /// Stable name, such as `customer-spending`.
    const NAME: &'static str;
    /// Version, increased with every change to the contents of a row. A new version is filled from
    /// the first event, in tables of its own.
    const VERSION: i32;
    /// Migrations of its tables, such as `|| sqlx::migrate!("src/<view>/migrations")`. Their names
    /// are unqualified: the schema of the version is the search path.
    const MIGRATIONS: Migrations;
    /// Name of the key's column, if the key is one value.
    const KEY: &'static str = "id";
    /// Treatment of an event that cannot be applied, as in [`super::View::POISON`].
    const POISON: PoisonPolicy = PoisonPolicy::Park;

    /// Adds to rows, or inserts them. The keys are distinct and in order.
    fn add(
        connection: &mut PgConnection,
        deltas: &[(Self::Key, Self::Delta)],
    ) -> impl Future<Output = Result<(), Error>> {
        async {
            let statements = statements::of::<Self>(table::<Self>);
            let deltas = deltas.iter().map(|(key, delta)| (key, delta));
            insert::<Self>(connection, &statements.add, deltas).await
        }
    }
}

/// Returns the name of a view. An invalid one does not compile.
pub(crate) const fn name<V: AdditiveView>() -> ViewName {
    const { ViewName::new(V::NAME, V::VERSION) }
}

/// Returns the table of a view.
pub(crate) fn table<V: AdditiveView>() -> Table {
    Table::new::<V::Key, V::Delta>(name::<V>(), V::KEY, false)
}

/// Runs a statement that inserts deltas, one argument for each column.
pub(crate) async fn insert<'r, V: AdditiveView>(
    connection: &mut PgConnection,
    sql: &Arc<str>,
    deltas: impl Iterator<Item = (&'r V::Key, &'r V::Delta)>,
) -> Result<(), Error> {
    execute(connection, sql, arrays::<V>(deltas)?).await
}

/// Returns deltas as the arguments of a statement, one for each column of the table.
pub(crate) fn arrays<'r, V: AdditiveView>(
    deltas: impl Iterator<Item = (&'r V::Key, &'r V::Delta)>,
) -> Result<Arrays, Error> {
    let (keys, deltas): (Vec<_>, Vec<_>) = deltas.unzip();
    let mut arrays = Arrays::default();
    V::Key::bind(&keys, &mut arrays)?;
    V::Delta::bind(&deltas, &mut arrays)?;
    Ok(arrays)
}

/// Sink of a view whose rows are sums. It adds up the deltas of a batch in memory, and then changes
/// each row once.
#[derive(Debug)]
pub struct AdditiveSink<V> {
    registry: Registry,
    copy: Option<Arc<Statements>>,
    view: PhantomData<V>,
}

impl<V: AdditiveView> AdditiveSink<V> {
    /// Creates a sink that finds schemas in the registry.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            copy: None,
            view: PhantomData,
        }
    }

    /// Writes into a copy of the view's table.
    pub(crate) fn into_copy(self, table: &Table) -> Self {
        let copy = Some(Arc::new(Statements::new(table)));
        Self { copy, ..self }
    }
}

impl<V: AdditiveView> Sink for AdditiveSink<V> {
    fn poison(&self) -> PoisonPolicy {
        V::POISON
    }

    async fn write(
        &mut self,
        transaction: &mut PgConnection,
        records: &[Record],
    ) -> Result<(), SinkError> {
        let mut sums: BTreeMap<V::Key, V::Delta> = BTreeMap::new();
        for record in records {
            let event = decode(&self.registry, record).await?;
            for (key, delta) in caught(record, || V::deltas(&event))? {
                match sums.entry(key) {
                    Entry::Vacant(new) => {
                        new.insert(delta);
                    }
                    Entry::Occupied(mut sum) => {
                        let added = sum.get_mut().add(&delta);
                        added.map_err(|error| Poison::new(record, error))?;
                    }
                }
            }
        }
        if !sums.is_empty() {
            match &self.copy {
                Some(copy) => insert::<V>(transaction, &copy.add, sums.iter()).await?,
                None => V::add(transaction, &Vec::from_iter(sums)).await?,
            }
        }
        Ok(())
    }
}
