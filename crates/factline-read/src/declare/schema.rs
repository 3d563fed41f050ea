//! Schemas of responses.

use std::fmt;

use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema;

/// Schema of a type, as its derive of [`ToSchema`] describes it.
#[derive(Clone, Copy)]
pub(crate) struct Schema {
    pub(crate) name: fn() -> String,
    /// The schemas of the type and of those that it refers to, with their names.
    pub(crate) all: fn() -> Vec<(String, RefOr<schema::Schema>)>,
}

impl Schema {
    pub(crate) const fn of<T: ToSchema>() -> Self {
        Self {
            name: || T::name().into_owned(),
            all: || {
                let mut all = vec![(T::name().into_owned(), T::schema())];
                T::schemas(&mut all);
                all
            },
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Schema")
            .field(&(self.name)())
            .finish()
    }
}
