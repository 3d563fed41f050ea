//! Columns of many rows, each bound as one array, for statements with `unnest`.

use serde::Serialize;
use sqlx::postgres::{PgArguments, PgBindIterExt as _};
use sqlx::{Arguments as _, Error};

use super::column::Column;

/// Arguments of a statement: an array for each column.
#[derive(Debug, Default)]
pub struct Arrays(PgArguments);

impl Arrays {
    /// Adds a column.
    pub fn add<'r, T: Column + 'r>(
        &mut self,
        values: impl Iterator<Item = &'r T>,
    ) -> Result<(), Error> {
        let values = values.map(T::value).bind_iter();
        self.0.add(values).map_err(Error::Encode)
    }

    /// Adds a nullable column.
    pub fn add_optional<'r, T: Column + 'r>(
        &mut self,
        values: impl Iterator<Item = Option<&'r T>>,
    ) -> Result<(), Error> {
        let values = values.map(|value| value.map(T::value)).bind_iter();
        self.0.add(values).map_err(Error::Encode)
    }

    /// Adds a `jsonb` column. It is bound as text, which PostgreSQL converts faster than an array
    /// of `jsonb`.
    pub fn add_json<'r, T: Serialize + 'r>(
        &mut self,
        values: impl Iterator<Item = &'r T>,
    ) -> Result<(), Error> {
        let texts: Vec<String> = values.map(json).collect::<Result<_, _>>()?;
        self.0.add(texts).map_err(Error::Encode)
    }

    /// Adds a nullable `jsonb` column. `None` is null in SQL, not in JSON.
    pub fn add_optional_json<'r, T: Serialize + 'r>(
        &mut self,
        values: impl Iterator<Item = Option<&'r T>>,
    ) -> Result<(), Error> {
        let texts = values.map(|value| value.map(json).transpose());
        let texts: Vec<Option<String>> = texts.collect::<Result<_, _>>()?;
        self.0.add(texts).map_err(Error::Encode)
    }

    /// Returns the arguments for [`sqlx::query_with`].
    pub fn into_arguments(self) -> PgArguments {
        self.0
    }
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Encode(error.into()))
}
