//! Names of a view's schema, table and stable names. All of them derive from its name and version.

use std::fmt;

/// Maximum length of a view's name, in bytes. The longest name that derives from it must fit into
/// PostgreSQL's 63 bytes.
const MAX_LENGTH: usize = 50;

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
        assert!(version > 0, "a view's VERSION begins with 1");
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
