//! Names and SQL types of columns.

use super::column::Column;

/// Column of a table, as a struct declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Name, of lower-case letters, digits and `_`.
    pub name: &'static str,
    /// SQL type, such as `bigint`.
    pub sql_type: &'static str,
    /// Returns true if the column can be null.
    pub nullable: bool,
}

impl ColumnDefinition {
    /// Returns the definition of a column of this type.
    pub const fn of<T: Column>(name: &'static str) -> Self {
        Self {
            name,
            sql_type: T::TYPE,
            nullable: T::NULLABLE,
        }
    }

    /// Returns the SQL type as which its values are bound, see [`Arrays::add_json`].
    ///
    /// [`Arrays::add_json`]: super::Arrays::add_json
    pub(crate) fn bound_type(&self) -> &'static str {
        match self.sql_type {
            "jsonb" => "text",
            other => other,
        }
    }

    /// Returns the definition of a `jsonb` column.
    pub const fn json(name: &'static str, nullable: bool) -> Self {
        Self {
            name,
            sql_type: "jsonb",
            nullable,
        }
    }
}

/// Returns the names of columns for a `select`, quoted, because a name may be a word of SQL.
pub fn select_list(columns: &[ColumnDefinition]) -> String {
    let quoted = columns.iter().map(|column| format!("\"{}\"", column.name));
    quoted.collect::<Vec<_>>().join(", ")
}
