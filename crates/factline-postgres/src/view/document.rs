//! Views whose rows are documents: a struct as `jsonb`, in a table that the kit makes.
//!
//! A [`Document`] is the shortest view: a struct that serde reads and writes, and `apply`. Each
//! aggregate has one document, whose key is the aggregate's id. A [`DocumentView`] has keys of its
//! own. Neither has a migration.
//!
//! ```
//! # mod library {
//! #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../factline/tests/library/records.rs"));
//! # }
//! # use library::book;
//! use factline::Recorded;
//! use factline_postgres::{Document, GeneratedColumn};
//!
//! #[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
//! struct Shelf {
//!     borrowed_by: Option<String>,
//!     loans: i64,
//! }
//!
//! impl Document for Shelf {
//!     type Source = book::Type;
//!     const NAME: &'static str = "shelves";
//!     const VERSION: i32 = 1;
//!     const COLUMNS: &'static [GeneratedColumn] =
//!         &[GeneratedColumn::text("borrowed_by"), GeneratedColumn::bigint("loans")];
//!     const INDEXES: &'static [&'static str] = &["borrowed_by, id"];
//!
//!     fn apply(shelf: Option<Self>, _: &Recorded<book::Event>) -> Option<Self> {
//!         let shelf = shelf.unwrap_or_default();
//!         Some(Self { loans: shelf.loans + 1, ..shelf })
//!     }
//! }
//! ```
//!
//! The table has the columns of the key (`id text` for a [`Document`]), `document jsonb`, and each
//! [`GeneratedColumn`]. Readers find them as `read.<view>`. A change of the columns or the indexes
//! is a change of the table, so it needs a new version.

mod generated_column;
mod table;

use std::marker::PhantomData;

use factline::{AggregateType, EventOf, Projection, Recorded};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Error, PgExecutor, SqlSafeStr as _};

use crate::columns::{Arrays, ColumnDefinition, Columns, RowKey, derive};
use crate::sink::PoisonPolicy;

use super::folded::{self, Migrations, View};

use table::{DOCUMENT, create_table};

pub use generated_column::GeneratedColumn;

/// Name of the key's column, if the key is one value.
const ID: &str = "id";

/// Document of one aggregate.
pub trait Document:
    Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static
{
    /// The aggregate type that has the document.
    type Source: AggregateType;
    /// Stable name.
    const NAME: &'static str;
    /// Version, increased with every change to the contents of the document. A new version is
    /// filled from the first event, in a table of its own.
    const VERSION: i32;
    /// Columns for conditions and orders of readers.
    const COLUMNS: &'static [GeneratedColumn] = &[];
    /// Indexes, each as a list of columns in SQL, such as `city, id` or `total desc, id desc`.
    const INDEXES: &'static [&'static str] = &[];
    /// Treatment of an event that cannot be applied.
    const POISON: PoisonPolicy = PoisonPolicy::Park;

    /// Returns the document after the event; `None` means no document. It cannot fail, because the
    /// event has happened.
    fn apply(document: Option<Self>, event: &Recorded<EventOf<Self::Source>>) -> Option<Self>;
}

/// Projection whose rows are documents.
pub trait DocumentView: Projection<Key: RowKey, Row: Serialize + DeserializeOwned> {
    /// Stable name.
    const NAME: &'static str;
    /// Version, as in [`Document::VERSION`].
    const VERSION: i32;
    /// Name of the key's column, if the key is one value.
    const KEY: &'static str = ID;
    /// Columns for conditions and orders of readers.
    const COLUMNS: &'static [GeneratedColumn] = &[];
    /// Indexes, as in [`Document::INDEXES`].
    const INDEXES: &'static [&'static str] = &[];
    /// Treatment of an event that cannot be applied, as in [`View::POISON`].
    const POISON: PoisonPolicy = PoisonPolicy::Park;
}

/// The projection of a [`Document`].
#[derive(Debug)]
pub struct Documents<D>(PhantomData<D>);

/// The view of a [`DocumentView`].
#[derive(Debug)]
pub struct StoredDocuments<V>(PhantomData<V>);

/// Document as the row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T>(pub T);

/// Returns the document of an aggregate, if it has one.
pub async fn find<D: Document>(
    executor: impl PgExecutor<'_>,
    id: &str,
) -> Result<Option<D>, Error> {
    let view = folded::name::<StoredDocuments<Documents<D>>>();
    let sql = format!("select {DOCUMENT} from {} where {ID} = $1", view.relation());
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(executor)
        .await?;
    row.map(|row| derive::json(&row, DOCUMENT)).transpose()
}

impl<D: Document> Projection for Documents<D> {
    type Source = D::Source;
    type Key = String;
    type Row = D;

    fn keys(event: &Recorded<EventOf<D::Source>>) -> Vec<String> {
        vec![event.envelope.subject.clone()]
    }

    fn apply(_: &String, document: Option<D>, event: &Recorded<EventOf<D::Source>>) -> Option<D> {
        D::apply(document, event)
    }
}

impl<D: Document> DocumentView for Documents<D> {
    const NAME: &'static str = D::NAME;
    const VERSION: i32 = D::VERSION;
    const COLUMNS: &'static [GeneratedColumn] = D::COLUMNS;
    const INDEXES: &'static [&'static str] = D::INDEXES;
    const POISON: PoisonPolicy = D::POISON;
}

impl<V: DocumentView> Projection for StoredDocuments<V> {
    type Source = V::Source;
    type Key = V::Key;
    type Row = Stored<V::Row>;

    fn keys(event: &Recorded<EventOf<V::Source>>) -> Vec<V::Key> {
        V::keys(event)
    }

    fn apply(
        key: &V::Key,
        row: Option<Stored<V::Row>>,
        event: &Recorded<EventOf<V::Source>>,
    ) -> Option<Stored<V::Row>> {
        V::apply(key, row.map(|Stored(row)| row), event).map(Stored)
    }
}

impl<V: DocumentView> View for StoredDocuments<V> {
    const NAME: &'static str = V::NAME;
    const VERSION: i32 = V::VERSION;
    const KEY: &'static str = V::KEY;
    const MIGRATIONS: Migrations = migrations::<V>;
    const POISON: PoisonPolicy = V::POISON;
}

impl<T: Serialize + DeserializeOwned> Columns for Stored<T> {
    const COLUMNS: &'static [ColumnDefinition] = &[ColumnDefinition::json(DOCUMENT, false)];

    fn bind(rows: &[&Self], arrays: &mut Arrays) -> Result<(), Error> {
        arrays.add_json(rows.iter().map(|Stored(row)| row))
    }

    fn decode(row: &PgRow) -> Result<Self, Error> {
        derive::json(row, DOCUMENT).map(Stored)
    }
}

/// Returns the columns of a view as readers see them: those of the key, the document, and the
/// generated ones.
pub fn document_columns<V: DocumentView>() -> Vec<ColumnDefinition> {
    let mut columns = V::Key::columns(V::KEY);
    columns.push(ColumnDefinition::json(DOCUMENT, false));
    columns.extend(V::COLUMNS.iter().map(GeneratedColumn::column));
    columns
}

/// Returns the one migration of a view. `sqlx` compares its text, so an edit is noticed.
fn migrations<V: DocumentView>() -> Migrator {
    let view = folded::name::<StoredDocuments<V>>();
    let sql = create_table(view, &V::Key::columns(V::KEY), V::COLUMNS, V::INDEXES);
    let sql = AssertSqlSafe(sql).into_sql_str();
    let table = Migration::new(1, "document".into(), MigrationType::Simple, sql, false);
    Migrator::with_migrations(vec![table])
}
