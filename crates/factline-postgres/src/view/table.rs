//! SQL of the statements that write and load rows. Each statement takes many rows, as one array for
//! each column.

use crate::columns::{ColumnDefinition, Columns, RowKey};

use super::name::ViewName;

/// Column of the partition of a row's events.
const SOURCE_PARTITION: ColumnDefinition = ColumnDefinition::of::<i32>("source_partition");

/// Columns of a view's table, without those that only its migration knows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    relation: String,
    /// The primary key.
    key: Vec<ColumnDefinition>,
    /// The columns that are not in the key.
    columns: &'static [ColumnDefinition],
    /// Returns true if the primary key ends with the partition of the events.
    per_partition: bool,
}

impl Table {
    pub(crate) fn new<K: RowKey, R: Columns>(
        view: ViewName,
        key: &'static str,
        per_partition: bool,
    ) -> Self {
        let mut key = K::columns(key);
        if per_partition {
            key.push(SOURCE_PARTITION);
        }
        Self {
            relation: view.relation(),
            key,
            columns: R::COLUMNS,
            per_partition,
        }
    }

    /// Returns the same columns in another table.
    pub(crate) fn of_relation(self, relation: String) -> Self {
        Self { relation, ..self }
    }

    /// Returns the name of the table, with its schema.
    pub(crate) fn relation(&self) -> &str {
        &self.relation
    }

    /// Returns the columns of the primary key.
    pub(crate) fn key(&self) -> &[ColumnDefinition] {
        &self.key
    }

    /// Returns all columns, with the key first.
    pub(crate) fn columns(&self) -> Vec<ColumnDefinition> {
        [&self.key, self.columns].concat()
    }

    /// Returns the statement that selects the rows with these keys. Its arguments are the key's
    /// columns and the source partitions. Without a column for it, the statement returns the source
    /// partition that it was given, because all events of a key are in one partition.
    pub(crate) fn load(&self) -> String {
        let mut wanted = self.key.clone();
        if !self.per_partition {
            wanted.push(SOURCE_PARTITION);
        }
        let loaded = self.columns.iter().map(|column| column.name);
        let selected = wanted.iter().map(|column| of("wanted", column));
        let selected = selected.chain(loaded.map(|name| format!("known.\"{name}\"")));
        format!(
            "select {} from {} join {} as known on {}",
            list(selected),
            unnest(&wanted, "wanted"),
            self.relation,
            self.matches("wanted"),
        )
    }

    /// Returns the statement that inserts rows whose keys no row has.
    pub(crate) fn fill(&self) -> String {
        let columns = self.columns();
        format!(
            "insert into {} ({}) select {} from {}",
            self.relation,
            list(columns.iter().map(quoted)),
            list(columns.iter().map(made)),
            unnest(&columns, "made"),
        )
    }

    /// Returns the statement that inserts the sums of the rows in another table with these columns.
    pub(crate) fn sum_of(&self, other: &str) -> String {
        let key = list(self.key.iter().map(quoted));
        let sums = self
            .columns
            .iter()
            .map(|ColumnDefinition { name, sql_type, .. }| format!("sum(\"{name}\")::{sql_type}"));
        let values = self.key.iter().map(quoted).chain(sums);
        format!(
            "insert into {} ({}) select {} from {other} group by {key}",
            self.relation,
            list(self.columns().iter().map(quoted)),
            list(values),
        )
    }

    /// Returns the statement that returns rows as JSON, in their order.
    pub(crate) fn json(&self) -> String {
        let columns = self.columns();
        let named = columns
            .iter()
            .map(|column| format!("{} as {}", made(column), quoted(column)));
        let unnested = unnest(&columns, "made");
        // The alias has the columns' names in parentheses; the number of the row comes after them.
        let numbered = unnested.replacen(") as made (", ") with ordinality as made (", 1);
        let numbered = format!("{}, \"number of row\")", &numbered[..numbered.len() - 1]);
        format!(
            "select (select to_jsonb(named) from (select {}) as named) from {numbered} \
             order by made.\"number of row\"",
            list(named),
        )
    }

    /// Returns the statement that reads keys from a JSON array of objects.
    pub(crate) fn keys_of_json(&self) -> String {
        let typed = self
            .key
            .iter()
            .map(|column| format!("{} {}", quoted(column), column.sql_type));
        format!(
            "select {} from jsonb_to_recordset($1) as chosen ({})",
            list(self.key.iter().map(quoted)),
            list(typed)
        )
    }

    /// Returns the statement that inserts rows or overwrites them.
    pub(crate) fn upsert(&self) -> String {
        self.insert("", |column| {
            format!("\"{0}\" = excluded.\"{0}\"", column.name)
        })
    }

    /// Returns the statement that inserts rows or adds to them. It locks rows in the order of their
    /// keys, so that two transactions that add to the same rows cannot wait for each other.
    pub(crate) fn add(&self) -> String {
        let order = list(self.key.iter().map(|column| of("made", column)));
        self.insert(&format!(" order by {order}"), |column| {
            format!("\"{0}\" = known.\"{0}\" + excluded.\"{0}\"", column.name)
        })
    }

    /// Returns the statement that deletes the rows with these keys.
    pub(crate) fn delete(&self) -> String {
        format!(
            "delete from {} as known using {} where {}",
            self.relation,
            unnest(&self.key, "gone"),
            self.matches("gone"),
        )
    }

    fn insert(&self, order: &str, assignment: fn(&ColumnDefinition) -> String) -> String {
        let columns = self.columns();
        let action = if self.columns.is_empty() {
            "nothing".to_owned()
        } else {
            format!("update set {}", list(self.columns.iter().map(assignment)))
        };
        format!(
            "insert into {} as known ({}) select {} from {}{order} on conflict ({}) do {action}",
            self.relation,
            list(columns.iter().map(quoted)),
            list(columns.iter().map(made)),
            unnest(&columns, "made"),
            list(self.key.iter().map(quoted)),
        )
    }

    /// Returns the condition that the key of `known` is that of another relation.
    fn matches(&self, other: &str) -> String {
        let equal = self
            .key
            .iter()
            .map(|column| format!("{} = {}", of("known", column), of(other, column)));
        equal.collect::<Vec<_>>().join(" and ")
    }
}

/// Returns the relation of a statement's arguments, one array for each column.
fn unnest(columns: &[ColumnDefinition], alias: &str) -> String {
    let arrays = (1..).zip(columns);
    let arrays = arrays.map(|(number, column)| format!("${number}::{}[]", column.bound_type()));
    format!(
        "unnest({}) as {alias} ({})",
        list(arrays),
        list(columns.iter().map(quoted))
    )
}

fn quoted(column: &ColumnDefinition) -> String {
    format!("\"{}\"", column.name)
}

fn of(relation: &str, column: &ColumnDefinition) -> String {
    format!("{relation}.\"{}\"", column.name)
}

/// Returns the value of a new row.
fn made(column: &ColumnDefinition) -> String {
    let value = of("made", column);
    if column.bound_type() == column.sql_type {
        value
    } else {
        format!("{value}::{}", column.sql_type)
    }
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
