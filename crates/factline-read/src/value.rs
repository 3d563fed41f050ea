//! Values of the columns that lists are filtered and sorted by.
//!
//! A value comes from a parameter, from a path, from a row or from a cursor. Its text is the same
//! in all of them. To support another type of column, add a variant to [`Kind`].

use std::fmt;

use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat, Utc};
use factline_postgres::Column as _;
use sqlx::postgres::PgRow;
use sqlx::types::BigDecimal;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

/// First year that PostgreSQL stores whole: 4712 before Christ, in which year 0 is counted.
const FIRST_YEAR: i32 = -4711;

/// Type of a column, as far as a request can compare with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Uuid,
    Boolean,
    Smallint,
    Integer,
    Bigint,
    Numeric,
    Date,
    Timestamp,
}

/// Value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Uuid(Uuid),
    Boolean(bool),
    Whole(i128),
    Date(NaiveDate),
    Timestamp(DateTime<Utc>),
}

impl Kind {
    /// Returns the kind of an SQL type; `None` if its values have no order that a request can name,
    /// such as `jsonb`.
    pub(crate) fn of(sql_type: &str) -> Option<Self> {
        Some(match sql_type {
            "text" => Self::Text,
            "uuid" => Self::Uuid,
            "boolean" => Self::Boolean,
            "smallint" => Self::Smallint,
            "integer" => Self::Integer,
            "bigint" => Self::Bigint,
            "numeric" => Self::Numeric,
            "date" => Self::Date,
            "timestamptz" => Self::Timestamp,
            _ => return None,
        })
    }

    /// Parses a value. A text with NUL or a date that PostgreSQL cannot store is no value.
    pub(crate) fn parse(self, text: &str) -> Option<Value> {
        match self {
            Self::Text => (!text.contains('\0')).then(|| Value::Text(text.to_owned())),
            Self::Uuid => text.parse().ok().map(Value::Uuid),
            Self::Boolean => text.parse().ok().map(Value::Boolean),
            Self::Smallint => whole::<i16>(text),
            Self::Integer => whole::<i32>(text),
            Self::Bigint => whole::<i64>(text),
            Self::Numeric => whole::<i128>(text),
            Self::Date => {
                let date: NaiveDate = text.parse().ok()?;
                (date.year() >= FIRST_YEAR).then_some(Value::Date(date))
            }
            Self::Timestamp => {
                let time: DateTime<Utc> = text.parse().ok()?;
                (time.year() >= FIRST_YEAR).then_some(Value::Timestamp(time))
            }
        }
    }

    /// Returns the description of a value, for a parameter that is not one.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Uuid => "a UUID",
            Self::Boolean => "true or false",
            Self::Smallint => "a whole number of 16 bits",
            Self::Integer => "a whole number of 32 bits",
            Self::Bigint => "a whole number of 64 bits",
            Self::Numeric => "a whole number",
            Self::Date => "a date such as 2026-03-01",
            Self::Timestamp => "a time such as 2026-03-01T12:00:00Z",
        }
    }

    /// Returns a value, for a statement that is only planned.
    #[cfg(feature = "plans")]
    pub(crate) fn sample(self) -> Value {
        match self {
            Self::Text => Value::Text("a".to_owned()),
            Self::Uuid => Value::Uuid(Uuid::from_u128(1)),
            Self::Boolean => Value::Boolean(true),
            Self::Smallint | Self::Integer | Self::Bigint | Self::Numeric => Value::Whole(1),
            Self::Date => Value::Date(NaiveDate::default()),
            Self::Timestamp => Value::Timestamp(DateTime::UNIX_EPOCH),
        }
    }

    /// Reads the column of a row.
    pub(crate) fn decode(self, row: &PgRow, column: &str) -> Result<Value, sqlx::Error> {
        Ok(match self {
            Self::Text => Value::Text(row.try_get(column)?),
            Self::Uuid => Value::Uuid(row.try_get(column)?),
            Self::Boolean => Value::Boolean(row.try_get(column)?),
            Self::Smallint => Value::Whole(row.try_get::<i16, _>(column)?.into()),
            Self::Integer => Value::Whole(row.try_get::<i32, _>(column)?.into()),
            Self::Bigint | Self::Numeric => Value::Whole(i128::decode(row, column)?),
            Self::Date => Value::Date(row.try_get(column)?),
            Self::Timestamp => Value::Timestamp(row.try_get(column)?),
        })
    }
}

fn whole<T: std::str::FromStr + Into<i128>>(text: &str) -> Option<Value> {
    let number: T = text.parse().ok()?;
    Some(Value::Whole(number.into()))
}

impl Value {
    /// Binds the value. The statement names its type, because sqlx caches a statement by its text
    /// alone, and a whole number is bound by its size: one that is wider than `bigint` would
    /// otherwise keep an index on a `bigint` from being used.
    pub(crate) fn bind(&self, query: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Text(text) => query.push_bind(text.clone()).push("::text"),
            Self::Uuid(id) => query.push_bind(*id).push("::uuid"),
            Self::Boolean(value) => query.push_bind(*value).push("::boolean"),
            Self::Whole(number) => match i64::try_from(*number) {
                Ok(number) => query.push_bind(number).push("::bigint"),
                Err(_) => query.push_bind(BigDecimal::from(*number)).push("::numeric"),
            },
            Self::Date(date) => query.push_bind(*date).push("::date"),
            Self::Timestamp(time) => query.push_bind(*time).push("::timestamptz"),
        };
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Uuid(id) => id.fmt(formatter),
            Self::Boolean(value) => value.fmt(formatter),
            Self::Whole(number) => number.fmt(formatter),
            Self::Date(date) => date.fmt(formatter),
            Self::Timestamp(time) => {
                formatter.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Kind; 9] = [
        Kind::Text,
        Kind::Uuid,
        Kind::Boolean,
        Kind::Smallint,
        Kind::Integer,
        Kind::Bigint,
        Kind::Numeric,
        Kind::Date,
        Kind::Timestamp,
    ];

    #[test]
    fn text_of_a_value_is_parsed_to_the_same_value() {
        let cases = [
            (Kind::Text, "Ölkanne 50%"),
            (Kind::Uuid, "00000000-0000-0000-0000-000000000001"),
            (Kind::Boolean, "true"),
            (Kind::Smallint, "-32768"),
            (Kind::Integer, "2147483647"),
            (Kind::Bigint, "-9223372036854775808"),
            (Kind::Numeric, "170141183460469231731687303715884105727"),
            (Kind::Date, "2026-03-01"),
            (Kind::Date, "+12026-03-01"),
            (Kind::Timestamp, "2026-03-01T12:00:00.000001Z"),
            (Kind::Timestamp, "+12026-03-01T12:00:00Z"),
            (Kind::Timestamp, "-0044-03-15T12:00:00Z"),
        ];
        for (kind, text) in cases {
            let value = kind.parse(text).unwrap();
            assert_eq!(value.to_string(), text, "{kind:?}");
            assert_eq!(kind.parse(&value.to_string()), Some(value));
        }
    }

    #[test]
    fn values_that_no_column_holds_are_not_parsed() {
        let cases = [
            (Kind::Uuid, "seven"),
            (Kind::Boolean, "yes"),
            (Kind::Smallint, "32768"),
            (Kind::Integer, "1.0"),
            (Kind::Bigint, "9223372036854775808"),
            (Kind::Numeric, "1e3"),
            (Kind::Date, "2026-02-30"),
            (Kind::Date, "-4800-01-01"),
            (Kind::Timestamp, "2026-03-01"),
            (Kind::Timestamp, "-4800-01-01T00:00:00Z"),
        ];
        for (kind, text) in cases {
            assert_eq!(kind.parse(text), None, "{kind:?} {text}");
        }
    }

    #[test]
    fn columns_without_an_order_have_no_kind() {
        assert_eq!(Kind::of("jsonb"), None);
        assert_eq!(Kind::of("timestamptz"), Some(Kind::Timestamp));
    }

    proptest! {
        /// A cursor holds the texts of values, so it must lead to the same row.
        #[test]
        fn any_text_that_is_a_value_roundtrips(
            kind in prop::sample::select(&KINDS),
            text in prop_oneof![
                any::<String>(),
                any::<i128>().prop_map(|number| number.to_string()),
                "[+-]?[0-9]{4,6}-[01][0-9]-[0-3][0-9]",
                "[+-]?[0-9]{4,6}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-5][0-9])",
                any::<u128>().prop_map(|id| Uuid::from_u128(id).to_string()),
            ],
        ) {
            if let Some(value) = kind.parse(&text) {
                prop_assert_eq!(kind.parse(&value.to_string()), Some(value));
            }
        }
    }
}
