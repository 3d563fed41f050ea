//! Ids in paths.

/// Id of an item in a path: its column, and the texts that can be one.
///
/// Ids are opaque to clients, so a text that cannot be an id is an item that does not exist: the
/// answer is 404, and the database is not asked.
#[derive(Debug, Clone, Copy)]
pub struct Id {
    pub(crate) column: &'static str,
    pub(crate) form: Form,
    pub(crate) is_of_aggregate: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Uuid,
    Text { pattern: &'static str },
}

impl Id {
    /// A UUID.
    pub const fn uuid(column: &'static str) -> Self {
        Self::new(column, Form::Uuid)
    }

    /// A text that matches the whole of a regular expression, such as `[A-Z]{3}-[0-9]{1,9}`.
    pub const fn text(column: &'static str, pattern: &'static str) -> Self {
        Self::new(column, Form::Text { pattern })
    }

    const fn new(column: &'static str, form: Form) -> Self {
        Self {
            column,
            form,
            is_of_aggregate: false,
        }
    }

    /// Declares that only events of the aggregate with this id change the rows. Then a response
    /// says that it may lack events only if it lacks those of this aggregate, and not for each
    /// aggregate of the view.
    #[must_use]
    pub const fn of_aggregate(self) -> Self {
        let is_of_aggregate = true;
        Self {
            is_of_aggregate,
            ..self
        }
    }
}
