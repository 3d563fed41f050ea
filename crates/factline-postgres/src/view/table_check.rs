//! Compares the table that a migration made with the columns that a view's structs declare.

use std::collections::BTreeSet;

use sqlx::{PgConnection, Row as _};

use crate::columns::ColumnDefinition;

use super::table::Table;

/// Difference between a table and the structs of its view.
#[derive(Debug, thiserror::Error)]
pub enum TableMismatch {
    /// The migrations did not make the table.
    #[error("there is no table {relation}: a migration must create it, with an unqualified name")]
    NoTable {
        /// Name with the schema.
        relation: String,
    },
    /// The table does not have a column.
    #[error("table {relation} has no column {column} {sql_type}")]
    NoColumn {
        /// Name of the table.
        relation: String,
        /// Name of the column.
        column: &'static str,
        /// SQL type that it must have.
        sql_type: &'static str,
    },
    /// A column has another type.
    #[error("column {column} of table {relation} is {found}, but the struct stores {sql_type}")]
    OtherType {
        /// Name of the table.
        relation: String,
        /// Name of the column.
        column: &'static str,
        /// SQL type in the table.
        found: String,
        /// SQL type that it must have.
        sql_type: &'static str,
    },
    /// A column cannot be written.
    #[error(
        "column {column} of table {relation} is generated: remove it from the struct, or let a \
         reader's struct have it"
    )]
    Generated {
        /// Name of the table.
        relation: String,
        /// Name of the column.
        column: &'static str,
    },
    /// A nullable field is stored in a column that cannot be null.
    #[error("column {column} of table {relation} is not null, but its field is an Option")]
    NotNull {
        /// Name of the table.
        relation: String,
        /// Name of the column.
        column: &'static str,
    },
    /// The table has a column that the view does not write and that has no value by itself.
    #[error(
        "column {column} of table {relation} is not null and has no default, but the struct does \
         not have it"
    )]
    Unwritten {
        /// Name of the table.
        relation: String,
        /// Name of the column.
        column: String,
    },
    /// The table has no unique index on the key.
    #[error("table {relation} has no primary key ({key})")]
    NoKey {
        /// Name of the table.
        relation: String,
        /// Columns of the key.
        key: String,
    },
    /// The catalog could not be read.
    #[error("cannot read the columns of a table")]
    Database(#[from] sqlx::Error),
}

/// Column of a table in the database.
struct Found {
    name: String,
    sql_type: String,
    is_expected_type: Option<bool>,
    not_null: bool,
    has_value: bool,
    generated: bool,
}

/// Checks the table of a view.
pub(crate) async fn check(
    connection: &mut PgConnection,
    table: &Table,
) -> Result<(), TableMismatch> {
    let relation = table.relation().to_owned();
    let expected = table.columns();
    let found = columns(connection, &relation, &expected).await?;
    if found.is_empty() {
        return Err(TableMismatch::NoTable { relation });
    }
    for column in expected {
        compare(&relation, column, &found)?;
    }
    let unwritten = found
        .into_iter()
        .find(|found| found.is_expected_type.is_none() && found.not_null && !found.has_value);
    if let Some(Found { name: column, .. }) = unwritten {
        return Err(TableMismatch::Unwritten { relation, column });
    }
    let key: BTreeSet<&str> = table.key().iter().map(|column| column.name).collect();
    if !has_unique_index(connection, &relation, &key).await? {
        let key = Vec::from_iter(key).join(", ");
        return Err(TableMismatch::NoKey { relation, key });
    }
    Ok(())
}

fn compare(
    relation: &str,
    ColumnDefinition {
        name: column,
        sql_type,
        nullable,
    }: ColumnDefinition,
    found: &[Found],
) -> Result<(), TableMismatch> {
    let relation = relation.to_owned();
    let Some(found) = found.iter().find(|found| found.name == column) else {
        return Err(TableMismatch::NoColumn {
            relation,
            column,
            sql_type,
        });
    };
    if found.is_expected_type != Some(true) {
        let found = found.sql_type.clone();
        return Err(TableMismatch::OtherType {
            relation,
            column,
            found,
            sql_type,
        });
    }
    if found.generated {
        return Err(TableMismatch::Generated { relation, column });
    }
    if nullable && found.not_null {
        return Err(TableMismatch::NotNull { relation, column });
    }
    Ok(())
}

/// Returns the columns of a table; none if there is no such table.
async fn columns(
    connection: &mut PgConnection,
    relation: &str,
    expected: &[ColumnDefinition],
) -> Result<Vec<Found>, sqlx::Error> {
    let sql = "select attname::text, format_type(atttypid, null), attnotnull, \
                      atthasdef or attidentity <> '', attgenerated <> '', \
                      atttypid = expected.sql_type::regtype \
               from pg_attribute \
               left join unnest($2::text[], $3::text[]) as expected (name, sql_type) on name = attname \
               where attrelid = to_regclass($1) and attnum > 0 and not attisdropped";
    let names: Vec<&str> = expected.iter().map(|column| column.name).collect();
    let types: Vec<&str> = expected.iter().map(|column| column.sql_type).collect();
    let rows = sqlx::query(sql)
        .bind(relation)
        .bind(names)
        .bind(types)
        .fetch_all(connection)
        .await?;
    let rows = rows.iter().map(|row| {
        Ok(Found {
            name: row.try_get(0)?,
            sql_type: row.try_get(1)?,
            not_null: row.try_get(2)?,
            has_value: row.try_get(3)?,
            generated: row.try_get(4)?,
            is_expected_type: row.try_get(5)?,
        })
    });
    rows.collect()
}

/// Returns whether a unique index has exactly these columns, so that `on conflict` finds it.
async fn has_unique_index(
    connection: &mut PgConnection,
    relation: &str,
    key: &BTreeSet<&str>,
) -> Result<bool, sqlx::Error> {
    let sql = "select array_agg(attname::text) from pg_index \
               join pg_attribute on attrelid = indrelid and attnum = any((indkey::smallint[])[0:indnkeyatts - 1]) \
               where indrelid = to_regclass($1) and indisunique and indpred is null and indexprs is null \
               group by indexrelid";
    let indexes: Vec<Vec<String>> = sqlx::query_scalar(sql)
        .bind(relation)
        .fetch_all(connection)
        .await?;
    let is_key =
        |columns: &Vec<String>| columns.iter().map(String::as_str).collect::<BTreeSet<_>>() == *key;
    Ok(indexes.iter().any(is_key))
}
