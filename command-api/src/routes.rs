//! Routes files: which HTTP request is which command. They stand beside the schemas, so the edge itself knows no
//! command; what is wrong with one is found when the process starts.

use std::sync::Arc;

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use axum::http::Method;
use axum::routing::MethodFilter;
use factline::avro::{self, Codec};
use factline::{Contract, RecordSchema};
use serde::Deserialize;

use crate::aggregate_id::IdRule;
use crate::json_schema::{self, Shape};

/// A request that is a command.
pub struct Route {
    /// HTTP method.
    pub method: Method,
    /// The same, as the router wants it.
    pub filter: MethodFilter,
    /// Path; its only parameter is `{id}`.
    pub path: String,
    /// The command's record.
    pub record: &'static str,
    /// Where the aggregate's id comes from.
    pub id: IdRule,
    /// What the body must look like.
    pub shape: Shape,
    /// The aggregate's address, with `{id}` in it, relative to the origin.
    pub resource: String,
    writer: GenericDatumWriter<'static>,
}

/// What is wrong with a routes file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what a routes file is.
    #[error("routes of {aggregate} cannot be read")]
    Unreadable {
        /// Aggregate of the contract.
        aggregate: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// One route cannot be.
    #[error("route {path} of {aggregate}: {why}")]
    Impossible {
        /// Aggregate of the contract.
        aggregate: &'static str,
        /// The route's path.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A command's schema has no JSON form.
    #[error("command {record} cannot come in by HTTP")]
    Shape {
        /// The command's record.
        record: &'static str,
        /// Why.
        #[source]
        source: json_schema::Error,
    },
    /// A command's schema is wrong.
    #[error("schema of {record} cannot be used")]
    Schema {
        /// The command's record.
        record: &'static str,
        /// Why.
        #[source]
        source: avro::Error,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    aggregate: String,
    resource: String,
    routes: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    method: String,
    path: String,
    command: String,
    id: IdRule,
}

/// Reads the routes of a contract.
pub fn read(contract: &'static Contract) -> Result<Vec<Arc<Route>>, Error> {
    let file: File = serde_json::from_str(contract.routes).map_err(|source| Error::Unreadable {
        aggregate: contract.aggregate,
        source,
    })?;
    let entries = file.routes.into_iter().map(|entry| {
        let path = entry.path.clone();
        let impossible = |why: String| Error::Impossible {
            aggregate: contract.aggregate,
            path: path.clone(),
            why,
        };
        if file.aggregate != contract.aggregate {
            return Err(impossible(format!("file is about {}", file.aggregate)));
        }
        if !file.resource.contains("{id}") {
            return Err(impossible(format!(
                "resource {} lacks {{id}}",
                file.resource
            )));
        }
        let record = contract
            .commands
            .iter()
            .find(|record| record.name == entry.command)
            .ok_or_else(|| impossible(format!("{} is not a command", entry.command)))?;
        let route = Route::new(record, entry, &file.resource, &impossible)?;
        Ok(Arc::new(route))
    });
    entries.collect()
}

impl Route {
    fn new(
        record: &'static RecordSchema,
        entry: Entry,
        resource: &str,
        impossible: &impl Fn(String) -> Error,
    ) -> Result<Self, Error> {
        let (method, filter) = Method::try_from(entry.method.as_str())
            .ok()
            .and_then(|method| Some((method.clone(), MethodFilter::try_from(method).ok()?)))
            .ok_or_else(|| impossible(format!("{} is not a method", entry.method)))?;
        check_path(&entry).map_err(impossible)?;
        let schema = |source| Error::Schema {
            record: record.name,
            source,
        };
        // The parsed schema lives as long as the process; the codec around it is not needed.
        let parsed = Codec::parse(record.json).map_err(schema)?.schema();
        let shape = Shape::of(parsed).map_err(|source| Error::Shape {
            record: record.name,
            source,
        })?;
        check_id(&entry.id, &shape).map_err(impossible)?;
        let writer = GenericDatumWriter::builder(parsed)
            .build()
            .map_err(|error| schema(avro::Error::Schema(Box::new(error))))?;
        Ok(Self {
            method,
            filter,
            path: entry.path,
            record: record.name,
            id: entry.id,
            shape,
            resource: resource.to_owned(),
            writer,
        })
    }

    /// Writes a validated body as a datum of the command's schema.
    pub fn encode(&self, value: Value) -> Result<Vec<u8>, avro::Error> {
        self.writer
            .write_value_to_vec(value)
            .map_err(|source| avro::Error::Encode {
                record: self.record.to_owned(),
                source: Box::new(source),
            })
    }

    /// Whether the path has `{id}`.
    pub fn has_path_id(&self) -> bool {
        self.path.contains(ID)
    }
}

/// The one path parameter.
const ID: &str = "{id}";

fn check_path(entry: &Entry) -> Result<(), String> {
    if !entry.path.starts_with('/') {
        return Err("does not begin with a slash".to_owned());
    }
    let mut parameters = 0;
    for segment in entry.path.split('/') {
        if segment == ID {
            parameters += 1;
        } else if segment.contains(['{', '}', '*', ':']) {
            return Err(format!("segment {segment} is neither plain nor {ID}"));
        }
    }
    match (parameters, &entry.id) {
        (1, IdRule::Path { .. }) | (0, IdRule::BodyOrNew { .. } | IdRule::Derived { .. }) => Ok(()),
        _ => Err(format!(
            "must have {ID} once if the id is from the path, else not"
        )),
    }
}

fn check_id(rule: &IdRule, shape: &Shape) -> Result<(), String> {
    let field = rule.field();
    if !matches!(shape.field(field), Some(field) if field.shape == Shape::Uuid) {
        return Err(format!("the command has no field {field} that is a UUID"));
    }
    if let IdRule::Derived { of, .. } = rule
        && !matches!(shape.field(of), Some(of) if matches!(of.shape, Shape::Text { .. }) && of.default.is_none())
    {
        return Err(format!(
            "the command has no field {of} that is a string without default"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
