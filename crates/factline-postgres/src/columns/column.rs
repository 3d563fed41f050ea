//! Types that are stored in one column.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::postgres::{PgHasArrayType, PgRow, PgTypeInfo, PgValueRef};
use sqlx::types::BigDecimal;
use sqlx::{Decode, Encode, Error, Postgres, Row as _, Type, ValueRef as _};
use uuid::Uuid;

/// Type that is stored in one column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not stored in one column",
    label = "no column has this type",
    note = "columns are `Uuid`, `String`, `bool`, `i16`, `i32`, `i64`, `i128`, `NaiveDate`, \
            `DateTime<Utc>` and `Option` of these",
    note = "derive `TextEnum` for an enum; add `#[column(json)]` to a field that serde can store; \
            add `#[column(embed(..))]` to a struct that has columns of its own"
)]
pub trait Column: Sized {
    /// The SQL type.
    const TYPE: &'static str;
    /// Returns true if the column can be null.
    const NULLABLE: bool = false;

    /// The value as `sqlx` binds it.
    type Value<'a>: Encode<'a, Postgres> + Type<Postgres> + PgHasArrayType + 'a
    where
        Self: 'a;

    /// Returns the value to bind.
    fn value(&self) -> Self::Value<'_>;

    /// Reads the column with this name.
    fn decode(row: &PgRow, column: &str) -> Result<Self, Error>;
}

/// Implements [`Column`] for types that `sqlx` binds by value.
macro_rules! copied {
    ($($type:ty => $sql:literal),* $(,)?) => {$(
        impl Column for $type {
            const TYPE: &'static str = $sql;
            type Value<'a> = Self;

            fn value(&self) -> Self {
                *self
            }

            fn decode(row: &PgRow, column: &str) -> Result<Self, Error> {
                row.try_get(column)
            }
        }
    )*};
}

copied! {
    Uuid => "uuid",
    bool => "boolean",
    i16 => "smallint",
    i32 => "integer",
    i64 => "bigint",
    NaiveDate => "date",
    DateTime<Utc> => "timestamptz",
}

impl Column for String {
    const TYPE: &'static str = "text";
    type Value<'a> = &'a str;

    fn value(&self) -> &str {
        self
    }

    fn decode(row: &PgRow, column: &str) -> Result<Self, Error> {
        row.try_get(column)
    }
}

impl Column for i128 {
    const TYPE: &'static str = "numeric";
    type Value<'a> = BigDecimal;

    fn value(&self) -> BigDecimal {
        BigDecimal::from(*self)
    }

    fn decode(row: &PgRow, column: &str) -> Result<Self, Error> {
        row.try_get(column).map(|Whole(number)| number)
    }
}

impl<T: Column> Column for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const NULLABLE: bool = true;
    type Value<'a>
        = Option<T::Value<'a>>
    where
        Self: 'a;

    fn value(&self) -> Option<T::Value<'_>> {
        self.as_ref().map(T::value)
    }

    fn decode(row: &PgRow, column: &str) -> Result<Self, Error> {
        if row.try_get_raw(column)?.is_null() {
            Ok(None)
        } else {
            T::decode(row, column).map(Some)
        }
    }
}

/// Whole number of any integer type or `numeric`. A sum of `bigint` is `numeric` in PostgreSQL, so
/// readers need not know by which of them a column is stored.
struct Whole(i128);

/// Reasons why a `numeric` is not read.
#[derive(Debug, thiserror::Error)]
enum NotWhole {
    #[error("{0} is not a whole number")]
    Fraction(BigDecimal),
    #[error("{0} does not fit into 128 bits")]
    TooWide(BigDecimal),
}

impl Type<Postgres> for Whole {
    fn type_info() -> PgTypeInfo {
        BigDecimal::type_info()
    }

    fn compatible(found: &PgTypeInfo) -> bool {
        BigDecimal::compatible(found) || is_integer(found)
    }
}

impl<'r> Decode<'r, Postgres> for Whole {
    fn decode(value: PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        if is_integer(&value.type_info()) {
            return Ok(Self(<i64 as Decode<Postgres>>::decode(value)?.into()));
        }
        let decimal = BigDecimal::decode(value)?;
        if !decimal.is_integer() {
            return Err(NotWhole::Fraction(decimal.normalized()).into());
        }
        let (digits, _) = decimal.with_scale(0).into_bigint_and_scale();
        match digits.try_into() {
            Ok(number) => Ok(Self(number)),
            Err(_) => Err(NotWhole::TooWide(decimal).into()),
        }
    }
}

/// Returns true for the integer types, whose values `sqlx` reads by their length.
fn is_integer(found: &PgTypeInfo) -> bool {
    i16::compatible(found) || i32::compatible(found) || i64::compatible(found)
}
