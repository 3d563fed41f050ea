//! Ids in paths.

/// Id of an item in a path: its column, and the texts that can be one.
///
/// Ids are opaque to clients, so a text that cannot be an id is an item that does not exist: the
/// answer is 404, and the database is not asked.
#[derive(Debug, Clone, Copy)]
pub struct Id {
    pub(crate) column: &'static str,
    pub(crate) form: Form,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Uuid,
    Text { pattern: &'static str },
}

impl Id {
    /// A UUID.
    pub const fn uuid(column: &'static str) -> Self {
        let form = Form::Uuid;
        Self { column, form }
    }

    /// A text that matches the whole of a regular expression, such as `[A-Z]{3}-[0-9]{1,9}`.
    pub const fn text(column: &'static str, pattern: &'static str) -> Self {
        let form = Form::Text { pattern };
        Self { column, form }
    }
}
