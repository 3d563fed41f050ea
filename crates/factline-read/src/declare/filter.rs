//! Filters of lists.

/// Condition that a query parameter adds to a list.
///
/// The value of the parameter has the type of the column. A parameter that is left out adds no
/// condition.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    pub(crate) parameter: &'static str,
    pub(crate) column: &'static str,
    pub(crate) comparison: Comparison,
    pub(crate) texts: Option<&'static [&'static str]>,
    pub(crate) expression: &'static str,
    pub(crate) required: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Prefix,
    AtLeast,
    LessThan,
}

impl Filter {
    /// Rows whose column equals the value.
    pub const fn equal(parameter: &'static str, column: &'static str) -> Self {
        Self::new(parameter, column, Comparison::Equal)
    }

    /// Rows whose column equals one of these texts, such as `State::TEXTS` of an enum that derives
    /// [`factline_postgres::TextEnum`]. Another value is refused.
    pub const fn one_of(
        parameter: &'static str,
        column: &'static str,
        texts: &'static [&'static str],
    ) -> Self {
        let texts = Some(texts);
        Self {
            texts,
            ..Self::equal(parameter, column)
        }
    }

    /// Rows whose column begins with the value. No character is a wildcard. An empty value adds no
    /// condition. The index needs the collation `C` for this column.
    pub const fn prefix(parameter: &'static str, column: &'static str) -> Self {
        Self::new(parameter, column, Comparison::Prefix)
    }

    /// Rows whose column is at least the value. With [`less_than`](Self::less_than) on the same
    /// column, two parameters are a range that includes its begin and excludes its end.
    pub const fn at_least(parameter: &'static str, column: &'static str) -> Self {
        Self::new(parameter, column, Comparison::AtLeast)
    }

    /// Rows whose column is less than the value.
    pub const fn less_than(parameter: &'static str, column: &'static str) -> Self {
        Self::new(parameter, column, Comparison::LessThan)
    }

    const fn new(parameter: &'static str, column: &'static str, comparison: Comparison) -> Self {
        Self {
            parameter,
            column,
            comparison,
            texts: None,
            expression: "$",
            required: None,
        }
    }

    /// Compares with an SQL expression of the value, in which `$` is the value: `lower($)`. It must
    /// be the one that computed the column, so that the comparison can use the index.
    #[must_use]
    pub const fn converted(self, expression: &'static str) -> Self {
        Self { expression, ..self }
    }

    /// Refuses requests without the parameter. The reason completes the sentence "is missing; …".
    #[must_use]
    pub const fn required(self, reason: &'static str) -> Self {
        let required = Some(reason);
        Self { required, ..self }
    }
}
