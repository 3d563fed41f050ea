//! Columns that PostgreSQL generates from documents.

use crate::columns::ColumnDefinition;

/// Statement that creates the conversion to an instant. A text with an offset is the same instant
/// in every session, so the conversion is immutable, which PostgreSQL cannot know.
pub(super) const INSTANT_OF: &str = "create function instant_of(value text) returns timestamptz \
     language sql immutable strict return value::timestamptz";

/// Column that PostgreSQL generates from a document, so that readers can filter and sort by it. It
/// is null if the document does not have the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratedColumn {
    name: &'static str,
    sql_type: &'static str,
    path: &'static str,
    nullable: bool,
}

impl GeneratedColumn {
    /// Returns a column of text. The name is also that of the document's field. Texts are ordered
    /// by their characters, which is the same everywhere, and an index finds them by their
    /// beginning.
    pub const fn text(name: &'static str) -> Self {
        Self::of(name, "text")
    }

    /// Returns a column of ids.
    pub const fn uuid(name: &'static str) -> Self {
        Self::of(name, "uuid")
    }

    /// Returns a column of truth values.
    pub const fn boolean(name: &'static str) -> Self {
        Self::of(name, "boolean")
    }

    /// Returns a column of whole numbers of 64 bits.
    pub const fn bigint(name: &'static str) -> Self {
        Self::of(name, "bigint")
    }

    /// Returns a column of numbers of any width.
    pub const fn numeric(name: &'static str) -> Self {
        Self::of(name, "numeric")
    }

    /// Returns a column of instants. The document has them as text with an offset, as chrono writes
    /// them.
    pub const fn timestamptz(name: &'static str) -> Self {
        Self::of(name, "timestamptz")
    }

    /// Takes the value from another field of the document, such as `address.city`.
    #[must_use]
    pub const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// Declares that every document has the value, which a list that is sorted by it needs.
    #[must_use]
    pub const fn not_null(self) -> Self {
        let nullable = false;
        Self { nullable, ..self }
    }

    /// Returns the column as readers see it.
    pub const fn column(&self) -> ColumnDefinition {
        ColumnDefinition {
            name: self.name,
            sql_type: self.sql_type,
            nullable: self.nullable,
        }
    }

    const fn of(name: &'static str, sql_type: &'static str) -> Self {
        Self {
            name,
            sql_type,
            path: name,
            nullable: true,
        }
    }

    /// Returns the definition of the column. `document` is the name of the document's column.
    pub(super) fn definition(&self, document: &str) -> String {
        let Self {
            name,
            sql_type,
            path,
            nullable,
        } = self;
        let steps: Vec<String> = path
            .split('.')
            .map(|step| format!("'{}'", step.replace('\'', "''")))
            .collect();
        let value = format!("{document} #>> array[{}]", steps.join(", "));
        let converted = if self.is_instant() {
            format!("instant_of({value})")
        } else {
            format!("({value})::{sql_type}")
        };
        let null = if *nullable { "" } else { " not null" };
        let collation = if *sql_type == "text" {
            " collate \"C\""
        } else {
            ""
        };
        format!("\"{name}\" {sql_type}{collation}{null} generated always as ({converted}) stored")
    }

    /// Returns true if the definition calls the function that [`INSTANT_OF`] creates.
    pub(super) fn is_instant(&self) -> bool {
        self.sql_type == "timestamptz"
    }
}
