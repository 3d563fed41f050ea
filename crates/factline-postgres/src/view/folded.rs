//! Views whose rows are folded from events.

use std::future::Future;
use std::sync::Arc;

use factline::Projection;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Error, PgConnection, Row as _};

use crate::columns::{Arrays, Columns, RowKey};
use crate::sink::PoisonPolicy;

use super::name::ViewName;
use super::statements::{self, Statements, execute};
use super::table::Table;

/// Identity of a row: its key and the partition of its events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId<K> {
    /// The projection's key.
    pub key: K,
    /// Partition of the events.
    pub source_partition: i32,
}

/// Function that returns the migrations of a view.
pub type Migrations = fn() -> Migrator;

/// Rows of a view with their ids.
pub type Rows<V> = Vec<(RowId<<V as Projection>::Key>, <V as Projection>::Row)>;

/// Projection with rows in PostgreSQL.
///
/// The statements follow from the columns of [`Projection::Key`] and [`Projection::Row`]. A view
/// can write each of them by hand instead, by implementing the function. The table is then
/// [`ViewName::relation`].
pub trait View: Projection<Key: RowKey, Row: Columns> + Sized {
    /// Stable name, such as `price-history`.
    const NAME: &'static str;
    /// Version, increased with every change to the contents of a row. A new version is filled from
    /// the first event, in tables of its own.
    const VERSION: i32;
    /// Migrations of its tables, such as `|| sqlx::migrate!("src/<view>/migrations")`. Their names
    /// are unqualified: the schema of the version is the search path.
    const MIGRATIONS: Migrations;
    /// Name of the key's column, if the key is one value.
    const KEY: &'static str = "id";
    /// Returns true if each source partition has a row of its own for a key. The primary key then
    /// ends with the column `source_partition integer`, and readers merge the rows of a key.
    ///
    /// A view needs this if its key is not the key of the events, and if its rows are not sums; see
    /// [`super::additive`] for sums.
    const PER_PARTITION: bool = false;
    /// Treatment of an event that cannot be applied. A parked key is that of the event, so it is an
    /// aggregate. A row that events of several aggregates change lacks only those of the parked
    /// one.
    const POISON: PoisonPolicy = PoisonPolicy::Park;

    /// Loads the rows with these ids that exist.
    fn load(
        connection: &mut PgConnection,
        ids: &[RowId<Self::Key>],
    ) -> impl Future<Output = Result<Rows<Self>, Error>> {
        async { load::<Self>(connection, &statements::<Self>(), ids).await }
    }

    /// Inserts or overwrites rows. The ids are distinct.
    fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<Self::Key>, Self::Row)],
    ) -> impl Future<Output = Result<(), Error>> {
        async {
            let rows = rows.iter().map(|(id, row)| (id, row));
            insert::<Self>(connection, &statements::<Self>().upsert, rows).await
        }
    }

    /// Deletes existing rows.
    fn delete(
        connection: &mut PgConnection,
        ids: &[RowId<Self::Key>],
    ) -> impl Future<Output = Result<(), Error>> {
        async { delete::<Self>(connection, &statements::<Self>(), ids).await }
    }
}

/// Returns the name of a view. An invalid one does not compile.
pub(crate) const fn name<V: View>() -> ViewName {
    const { ViewName::new(V::NAME, V::VERSION) }
}

/// Returns the table of a view.
pub(crate) fn table<V: View>() -> Table {
    Table::new::<V::Key, V::Row>(name::<V>(), V::KEY, V::PER_PARTITION)
}

fn statements<V: View>() -> Arc<Statements> {
    statements::of::<V>(table::<V>)
}

/// Loads the rows with these ids from the table of the statements.
pub(crate) async fn load<V: View>(
    connection: &mut PgConnection,
    statements: &Statements,
    ids: &[RowId<V::Key>],
) -> Result<Rows<V>, Error> {
    let ids: Vec<_> = ids.iter().collect();
    let arrays = bind_ids(&ids, true)?;
    let sql = AssertSqlSafe(Arc::clone(&statements.load));
    let rows = sqlx::query_with(sql, arrays.into_arguments())
        .fetch_all(connection)
        .await?;
    let rows = rows.iter().map(|row| {
        let id = RowId {
            key: RowKey::decode(row, V::KEY)?,
            source_partition: row.try_get("source_partition")?,
        };
        Ok((id, V::Row::decode(row)?))
    });
    rows.collect()
}

/// Runs a statement that inserts rows, one argument for each column.
pub(crate) async fn insert<'r, V: View>(
    connection: &mut PgConnection,
    sql: &Arc<str>,
    rows: impl Iterator<Item = (&'r RowId<V::Key>, &'r V::Row)>,
) -> Result<(), Error> {
    execute(connection, sql, arrays::<V>(rows)?).await
}

/// Returns rows as the arguments of a statement, one for each column of the table.
pub(crate) fn arrays<'r, V: View>(
    rows: impl Iterator<Item = (&'r RowId<V::Key>, &'r V::Row)>,
) -> Result<Arrays, Error> {
    let (ids, rows): (Vec<_>, Vec<_>) = rows.unzip();
    let mut arrays = bind_ids(&ids, V::PER_PARTITION)?;
    V::Row::bind(&rows, &mut arrays)?;
    Ok(arrays)
}

/// Deletes the rows with these ids from the table of the statements.
pub(crate) async fn delete<V: View>(
    connection: &mut PgConnection,
    statements: &Statements,
    ids: &[RowId<V::Key>],
) -> Result<(), Error> {
    let ids: Vec<_> = ids.iter().collect();
    let arrays = bind_ids(&ids, V::PER_PARTITION)?;
    execute(connection, &statements.delete, arrays).await
}

fn bind_ids<K: RowKey>(ids: &[&RowId<K>], with_partitions: bool) -> Result<Arrays, Error> {
    let mut arrays = Arrays::default();
    let keys: Vec<&K> = ids.iter().map(|id| &id.key).collect();
    K::bind(&keys, &mut arrays)?;
    if with_partitions {
        arrays.add(ids.iter().map(|id| &id.source_partition))?;
    }
    Ok(arrays)
}
