//! Sort orders of lists.

/// Sort order in which a list is read, page by page.
///
/// Its keys must identify a row, within the filters that every request has: end with the primary
/// key. Each combination of filters needs an index that finds its rows in this order; the check of
/// `factline_read::plans` proves it.
#[derive(Debug, Clone, Copy)]
pub struct Sort {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
    pub(crate) indexes: &'static [&'static str],
    pub(crate) without: &'static [&'static str],
}

/// Column of a sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub(crate) column: &'static str,
    pub(crate) descending: bool,
}

/// Returns an ascending key.
pub const fn asc(column: &'static str) -> Key {
    let descending = false;
    Key { column, descending }
}

/// Returns a descending key.
pub const fn desc(column: &'static str) -> Key {
    let descending = true;
    Key { column, descending }
}

impl Sort {
    /// A sort order with its value of the parameter `sort`, such as `-total`, and the names of the
    /// indexes that serve it.
    pub const fn by(
        name: &'static str,
        keys: &'static [Key],
        indexes: &'static [&'static str],
    ) -> Self {
        let without: &[&str] = &[];
        Self {
            name,
            keys,
            indexes,
            without,
        }
    }

    /// Refuses these filters in this sort order, because no index serves both.
    #[must_use]
    pub const fn without(self, filters: &'static [&'static str]) -> Self {
        let without = filters;
        Self { without, ..self }
    }
}
