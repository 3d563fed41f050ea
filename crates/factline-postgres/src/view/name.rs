//! Names of a view's schema, table and stable names. All of them derive from its name and version.

use std::fmt;

use crate::checkpoint::FollowerId;

/// Schema of the checkpoints of all views.
pub const CHECKPOINTS: &str = "factline";

/// Maximum length of a view's name, in bytes. The longest name that derives from it must fit into
/// PostgreSQL's 63 bytes.
const MAX_LENGTH: usize = 50;

/// Highest version of a view.
const MAX_VERSION: i32 = 999_999;

/// A copy of a view's table beside the one that readers see. It has a schema and checkpoints of its
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableCopy {
    /// The copy that a rebuild fills.
    Next,
    /// The table that readers saw before the last rebuild.
    Old,
}

impl TableCopy {
    fn suffix(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Old => "old",
        }
    }
}

/// Name and version of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewName {
    /// Stable name, such as `customer-spending`.
    pub name: &'static str,
    /// Version.
    pub version: i32,
}

impl ViewName {
    /// Returns the name of a view.
    ///
    /// # Panics
    /// If the name or the version is invalid. Hosts call it at compile time.
    pub const fn new(name: &'static str, version: i32) -> Self {
        assert!(
            is_valid(name),
            "a view's NAME has 1 to 50 lower-case letters, digits and hyphens, and begins with a letter"
        );
        assert!(
            version > 0 && version <= MAX_VERSION,
            "a view's VERSION begins with 1 and has at most 6 digits"
        );
        Self { name, version }
    }

    /// Returns the name of its table, without the schema: `customer_spending`.
    pub fn table(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Returns the schema of its version: `customer_spending_v2`.
    pub fn schema(&self) -> String {
        format!("{}_v{}", self.table(), self.version)
    }

    /// Returns the schema of a copy: `customer_spending_v2_next`.
    pub(crate) fn copy_schema(&self, copy: TableCopy) -> String {
        format!("{}_{}", self.schema(), copy.suffix())
    }

    /// Returns the table of a copy: `customer_spending_v2_next.customer_spending`.
    pub(crate) fn copy_relation(&self, copy: TableCopy) -> String {
        format!("{}.{}", self.copy_schema(copy), self.table())
    }

    /// Returns the owner of its checkpoints.
    pub(crate) fn owner(&self) -> FollowerId {
        self.owner_named(self.name.to_owned())
    }

    /// Returns the owner of a copy's checkpoints: `customer-spending.next`. No view has this name.
    pub(crate) fn copy_owner(&self, copy: TableCopy) -> FollowerId {
        self.owner_named(format!("{}.{}", self.name, copy.suffix()))
    }

    fn owner_named(&self, view: String) -> FollowerId {
        FollowerId {
            schema: CHECKPOINTS,
            view,
            version: self.version,
        }
    }

    /// Returns its table with the schema: `customer_spending_v2.customer_spending`.
    pub fn relation(&self) -> String {
        format!("{}.{}", self.schema(), self.table())
    }

    /// Returns the stable name of its rows for readers: `read.customer_spending`.
    pub fn rows(&self) -> String {
        format!("read.{}", self.table())
    }

    /// Returns the stable name of its checkpoints: `read.customer_spending_checkpoint`.
    pub fn checkpoints(&self) -> String {
        format!("read.{}_checkpoint", self.table())
    }

    /// Returns the stable name of its parked keys: `read.customer_spending_parked`.
    pub fn parked(&self) -> String {
        format!("read.{}_parked", self.table())
    }

    /// Returns the stable name of what else readers should know: `read.customer_spending_state`.
    pub fn state(&self) -> String {
        format!("read.{}_state", self.table())
    }
}

impl fmt::Display for ViewName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} version {}", self.name, self.version)
    }
}

const fn is_valid(name: &str) -> bool {
    let name = name.as_bytes();
    if name.is_empty() || name.len() > MAX_LENGTH || !name[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 0;
    while at < name.len() {
        let letter = name[at];
        if !(letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-') {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_derive_from_name_and_version() {
        let view = ViewName::new("customer-spending", 2);
        assert_eq!(view.relation(), "customer_spending_v2.customer_spending");
        assert_eq!(view.rows(), "read.customer_spending");
        assert_eq!(view.checkpoints(), "read.customer_spending_checkpoint");
        assert_eq!(view.parked(), "read.customer_spending_parked");
        assert_eq!(view.state(), "read.customer_spending_state");
    }

    #[test]
    fn names_that_sql_would_read_differently_are_invalid() {
        assert!(is_valid("a") && is_valid("price-history") && is_valid("top10"));
        for name in ["", "Orders", "1st", "my_view", "x y", "ü", "a\"b"] {
            assert!(!is_valid(name), "{name:?}");
        }
        assert!(is_valid(&"a".repeat(50)) && !is_valid(&"a".repeat(51)));
    }
}
