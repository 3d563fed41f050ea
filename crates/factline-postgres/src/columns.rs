//! Structs as columns of a table: names, SQL types, many rows as arrays, and one row by name.
//!
//! A struct that derives [`Columns`] is used in two ways:
//!
//! - **A view's row.** The kit generates its three statements, see [`crate::view`].
//! - **A reader's row.** [`select_list`] names the columns of a query, and [`Columns::decode`]
//!   reads them by name. The query itself, its relation, conditions and order, are the reader's.
//!
//! ```
//! use chrono::{DateTime, Utc};
//! use factline_postgres::{Columns, TextEnum, select_list};
//!
//! #[derive(Columns)]
//! struct Order {
//!     customer_id: String,
//!     state: State,
//!     #[column(json)]
//!     lines: Vec<Line>,
//!     #[column(embed(amount = "total_amount", currency))]
//!     total: Money,
//!     shipped_at: Option<DateTime<Utc>>,
//! }
//!
//! #[derive(TextEnum)]
//! enum State {
//!     Placed,
//!     Shipped,
//! }
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Line {
//!     product: String,
//!     quantity: i64,
//! }
//!
//! struct Money {
//!     amount: i64,
//!     currency: String,
//! }
//!
//! assert_eq!(
//!     select_list(Order::COLUMNS),
//!     r#""customer_id", "state", "lines", "total_amount", "currency", "shipped_at""#,
//! );
//! ```
//!
//! | field | column |
//! |---|---|
//! | `Uuid` | `uuid` |
//! | `String` | `text` |
//! | `bool` | `boolean` |
//! | `i16`, `i32`, `i64` | `smallint`, `integer`, `bigint` |
//! | `i128` | `numeric`, whole numbers only and exact; a reader may use it for any whole number |
//! | `NaiveDate`, `DateTime<Utc>` | `date`, `timestamptz` |
//! | an enum that derives [`TextEnum`] | `text`; any other text in the table is an error |
//! | `Option` of any of these | the same, nullable |
//! | `#[column(json)]` | `jsonb`, of any type that serde reads and writes |
//! | `#[column(embed(..))]` | a column for each field of a struct; `Option` makes all of them null |
//!
//! This is not an object mapper: it has no relations and no queries. To store another type in a
//! column, implement [`Column`] for it, for example by means of a type that `sqlx` supports.

mod arrays;
mod column;
mod definition;
mod delta;
pub mod derive;
mod row_key;
mod text_enum;

use sqlx::Error;
use sqlx::postgres::PgRow;

pub use arrays::Arrays;
pub use column::Column;
pub use definition::{ColumnDefinition, select_list};
pub use delta::{Delta, Number, Overflow};
pub use row_key::RowKey;
pub use text_enum::{TextEnum, UnknownText};

/// Struct whose fields are columns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no columns",
    label = "a row must be a struct that derives `Columns`",
    note = "add `#[derive(factline_postgres::Columns)]` to the struct"
)]
pub trait Columns: Sized {
    /// Its columns, in the order in which [`bind`](Self::bind) binds them.
    const COLUMNS: &'static [ColumnDefinition];

    /// Binds each column of the rows as one array, in the order of [`COLUMNS`](Self::COLUMNS).
    fn bind(rows: &[&Self], arrays: &mut Arrays) -> Result<(), Error>;

    /// Reads a row of a query. The columns are found by name, in any order; others are ignored.
    ///
    /// # Errors
    /// If a column is missing, or has another type or an unexpected value. The error names it.
    fn decode(row: &PgRow) -> Result<Self, Error>;
}
