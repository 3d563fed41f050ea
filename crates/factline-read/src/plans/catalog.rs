//! Columns and indexes, from PostgreSQL's catalogue. Every role may read it, even about tables that
//! it may not read.

use sqlx::{PgConnection, Row as _};

/// Relation with the types of its columns.
#[derive(Debug)]
pub(super) struct Relation(Vec<Column>);

#[derive(Debug)]
struct Column {
    name: String,
    sql_type: String,
    is_nullable: bool,
}

impl Relation {
    /// Returns the relation with this qualified name, if it exists.
    pub(super) async fn find(
        name: &str,
        connection: &mut PgConnection,
    ) -> Result<Option<Self>, sqlx::Error> {
        let rows = sqlx::query(
            "select attname::text, format_type(atttypid, null), not attnotnull \
             from pg_attribute \
             join pg_class on pg_class.oid = attrelid \
             join pg_namespace on pg_namespace.oid = relnamespace \
             where format('%s.%s', nspname, relname) = $1 and attnum > 0 and not attisdropped",
        )
        .bind(name)
        .fetch_all(connection)
        .await?;
        let columns = rows.iter().map(|row| {
            Ok(Column {
                name: row.try_get(0)?,
                sql_type: row.try_get(1)?,
                is_nullable: row.try_get(2)?,
            })
        });
        let columns = columns.collect::<Result<Vec<_>, sqlx::Error>>()?;
        Ok(Some(Self(columns)).filter(|relation| !relation.0.is_empty()))
    }

    /// Returns the type of a column.
    pub(super) fn type_of(&self, column: &str) -> Option<&str> {
        self.column(column).map(|column| column.sql_type.as_str())
    }

    /// Returns true if a table has the column and allows nulls in it. A relation that is not a
    /// table allows nulls everywhere.
    pub(super) fn is_nullable(&self, column: &str) -> bool {
        self.column(column).is_some_and(|column| column.is_nullable)
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.0.iter().find(|column| column.name == name)
    }
}

/// Returns true if an index with this name exists.
pub(super) async fn has_index(
    name: &str,
    connection: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from pg_class where relname = $1 and relkind in ('i', 'I'))",
    )
    .bind(name)
    .fetch_one(connection)
    .await
}

/// Returns the columns of each unique index of a table. Partial indexes and expressions do not
/// identify rows.
pub(super) async fn unique_keys(
    table: &str,
    connection: &mut PgConnection,
) -> Result<Vec<Vec<String>>, sqlx::Error> {
    sqlx::query_scalar(
        "select array(select attname::text from pg_attribute \
                      where attrelid = indrelid and attnum = any (indkey)) \
         from pg_index \
         join pg_class on pg_class.oid = indrelid \
         join pg_namespace on pg_namespace.oid = relnamespace \
         where format('%s.%s', nspname, relname) = $1 \
           and indisunique and indpred is null and indexprs is null",
    )
    .bind(table)
    .fetch_all(connection)
    .await
}
