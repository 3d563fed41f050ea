//! The table of documents.

use crate::columns::ColumnDefinition;
use crate::view::name::ViewName;

use super::generated_column::{GeneratedColumn, INSTANT_OF};

/// Name of the document's column.
pub(super) const DOCUMENT: &str = "document";

/// Returns the statements that make the table.
pub(super) fn create_table(
    view: ViewName,
    key: &[ColumnDefinition],
    generated: &[GeneratedColumn],
    indexes: &[&str],
) -> String {
    let mut columns: Vec<String> = key
        .iter()
        .map(|column| format!("\"{}\" {} not null", column.name, column.sql_type))
        .collect();
    columns.push(format!("{DOCUMENT} jsonb not null"));
    columns.extend(generated.iter().map(|column| column.definition(DOCUMENT)));
    let key: Vec<String> = key
        .iter()
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    columns.push(format!("primary key ({})", key.join(", ")));
    let table = view.table();
    let indexes = indexes
        .iter()
        .map(|columns| format!(";\ncreate index on {table} ({columns})"));
    let function = if generated.iter().any(GeneratedColumn::is_instant) {
        format!("{INSTANT_OF};\n")
    } else {
        String::new()
    };
    format!(
        "{function}create table {table} (\n    {}\n){}",
        columns.join(",\n    "),
        indexes.collect::<String>()
    )
}

#[cfg(test)]
mod tests;
