//! Functions that derived code calls. They are not meant to be called by hand.

use serde::de::DeserializeOwned;
use sqlx::types::Json;
pub use sqlx::{Error, postgres::PgRow};
use sqlx::{Row as _, ValueRef as _};

use super::column::Column;
use super::definition::ColumnDefinition;
use super::delta::{Number, Overflow};
use super::text_enum::{TextEnum, UnknownText};

/// Returns the definition of an embedded struct's column. The function is not called; it only
/// states the type of the field.
pub const fn embedded<S, T: Column>(
    name: &'static str,
    _: fn(&S) -> &T,
    nullable: bool,
) -> ColumnDefinition {
    ColumnDefinition {
        name,
        sql_type: T::TYPE,
        nullable: nullable || T::NULLABLE,
    }
}

/// Returns true if all these columns are null.
pub fn are_null(row: &PgRow, columns: &[&str]) -> Result<bool, Error> {
    for column in columns {
        if !row.try_get_raw(*column)?.is_null() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a `jsonb` column.
pub fn json<T: DeserializeOwned>(row: &PgRow, column: &str) -> Result<T, Error> {
    row.try_get(column).map(|Json(value)| value)
}

/// Reads a nullable `jsonb` column.
pub fn optional_json<T: DeserializeOwned>(row: &PgRow, column: &str) -> Result<Option<T>, Error> {
    let value: Option<Json<T>> = row.try_get(column)?;
    Ok(value.map(|Json(value)| value))
}

/// Reads the text of an enum.
pub fn text<T: TextEnum>(row: &PgRow, column: &str) -> Result<T, Error> {
    let text: &str = row.try_get(column)?;
    T::from_text(text).ok_or_else(|| Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(UnknownText {
            text: text.to_owned(),
            known: T::TEXTS,
        }),
    })
}

/// Adds a number of a delta to another one.
pub fn add<T: Number>(column: &'static str, sum: &mut T, other: &T) -> Result<(), Overflow> {
    *sum = sum.plus(*other).ok_or(Overflow {
        column,
        sql_type: T::TYPE,
    })?;
    Ok(())
}
