//! Rows of a view, as clients see them.

use factline_postgres::{ColumnDefinition, Columns, Document, DocumentView};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use utoipa::ToSchema;

use super::schema::Schema;

/// Rows of a view with the struct that is their JSON.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    pub(crate) view: &'static str,
    pub(crate) columns: fn() -> Vec<ColumnDefinition>,
    pub(crate) json: fn(&PgRow) -> Result<Box<RawValue>, sqlx::Error>,
    pub(crate) schema: Schema,
    /// Column with the id of the aggregate that alone changes a row, if that is known.
    pub(crate) aggregate: Option<&'static str>,
}

impl Rows {
    /// Rows of the view with this name, each read as a `T` and serialized.
    ///
    /// A column that is only filtered or sorted by is a field with `#[serde(skip)]`.
    pub const fn of<T: Columns + Serialize + ToSchema>(view: &'static str) -> Self {
        Self {
            view,
            columns: || T::COLUMNS.to_vec(),
            json: |row| {
                to_raw_value(&T::decode(row)?).map_err(|error| sqlx::Error::Decode(error.into()))
            },
            schema: Schema::of::<T>(),
            aggregate: None,
        }
    }

    /// Documents of an aggregate. Each is sent as it is stored. The columns to filter and sort by
    /// are `id` and those of [`Document::COLUMNS`].
    pub const fn document<D: Document + ToSchema>() -> Self {
        let documents = Self::documents::<factline_postgres::view::Documents<D>>();
        let aggregate = Some("id");
        Self {
            aggregate,
            ..documents
        }
    }

    /// Documents of a view with its own keys.
    pub const fn documents<V: DocumentView<Row: ToSchema>>() -> Self {
        Self {
            view: V::NAME,
            columns: factline_postgres::view::document_columns::<V>,
            json: |row| row.try_get("document").map(|Json(document)| document),
            schema: Schema::of::<V::Row>(),
            aggregate: None,
        }
    }

    /// Returns the column with this name.
    pub(crate) fn column(&self, name: &str) -> Option<ColumnDefinition> {
        let mut columns = (self.columns)().into_iter();
        columns.find(|column| column.name == name)
    }
}
