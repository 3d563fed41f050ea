//! Structs of numbers that are added up.

use super::Columns;
use super::column::Column;

/// Change of a row by addition.
///
/// `#[derive(Columns, Delta)]` on a struct of numbers implements it. See [`crate::view::additive`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added up",
    label = "a delta must be a struct of numbers that derives `Columns` and `Delta`",
    note = "add `#[derive(factline_postgres::Columns, factline_postgres::Delta)]` to the struct"
)]
pub trait Delta: Columns {
    /// Adds another change of the same row.
    ///
    /// # Errors
    /// If a sum does not fit into its column. The delta is then undefined.
    fn add(&mut self, other: &Self) -> Result<(), Overflow>;
}

/// Column whose values can be added.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added up",
    label = "a delta has only numbers",
    note = "numbers are `i16`, `i32`, `i64` and `i128`; other columns belong to the key, or to a \
            view whose rows are folded by `apply`"
)]
pub trait Number: Column + Copy {
    /// Returns the sum, unless it overflows.
    fn plus(self, other: Self) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn plus(self, other: Self) -> Option<Self> {
                self.checked_add(other)
            }
        }
    )*};
}

numbers!(i16, i32, i64, i128);

/// Sum that does not fit into its column.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("sum of column {column} does not fit into {sql_type}")]
pub struct Overflow {
    /// Name of the column.
    pub column: &'static str,
    /// Its SQL type.
    pub sql_type: &'static str,
}
