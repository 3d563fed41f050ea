//! Keys of rows.

use sqlx::Error;
use sqlx::postgres::PgRow;

use super::arrays::Arrays;
use super::column::Column;
use super::definition::ColumnDefinition;

/// Key of a view's rows: one value, or a struct of several columns that derives `RowKey`.
///
/// ```
/// #[derive(factline_postgres::RowKey)]
/// struct Purse {
///     customer_id: String,
///     currency: String,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the key of a row",
    label = "a key is one column, or a struct that derives `RowKey`",
    note = "add `#[derive(factline_postgres::RowKey)]` to the struct"
)]
pub trait RowKey: Sized {
    /// Returns the columns of the key. A key that is one value has the given name. A struct names
    /// its columns itself.
    fn columns(name: &'static str) -> Vec<ColumnDefinition>;

    /// Binds each column of the keys as one array.
    fn bind(keys: &[&Self], arrays: &mut Arrays) -> Result<(), Error>;

    /// Reads the key of a row of a query.
    fn decode(row: &PgRow, name: &str) -> Result<Self, Error>;
}

impl<T: Column> RowKey for T {
    fn columns(name: &'static str) -> Vec<ColumnDefinition> {
        vec![ColumnDefinition::of::<T>(name)]
    }

    fn bind(keys: &[&Self], arrays: &mut Arrays) -> Result<(), Error> {
        arrays.add(keys.iter().copied())
    }

    fn decode(row: &PgRow, name: &str) -> Result<Self, Error> {
        <T as Column>::decode(row, name)
    }
}
