//! Routes files, which map HTTP requests to commands. They are beside the schemas, so the edge
//! itself has no list of commands. Errors in them are found when the process starts.

use std::collections::HashMap;
use std::sync::Arc;

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use axum::http::Method;
use axum::routing::MethodFilter;
use factline::avro::{self, Codec};
use factline::{Contract, RecordSchema};
use factline_http::problem::FieldError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

use crate::aggregate_id::{IdRule, IdSources, address};
use crate::id_format::IdFormat;
use crate::json_schema::{self, BodySchema};
use crate::{preconditions, validate};

/// A route whose requests are commands.
pub struct Route {
    /// HTTP method.
    pub method: Method,
    /// The method as a filter of the router.
    pub filter: MethodFilter,
    /// Path; its only parameter is `{id}`.
    pub path: String,
    /// The command's record.
    pub record: &'static str,
    /// The source of the aggregate's id.
    pub id: IdRule,
    /// The format of the aggregate's id.
    pub id_format: IdFormat,
    /// The JSON form of the body.
    pub body_schema: BodySchema,
    /// The aggregate's address, with `{id}` in it, relative to the origin.
    pub resource: String,
    /// Set if a request must have an idempotency key.
    pub demands_key: bool,
    /// Milliseconds after acceptance within which a command must be decided. A request can only
    /// shorten them.
    pub time_to_live_ms: Option<u64>,
    writer: GenericDatumWriter<'static>,
}

/// An error in a routes file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not a routes file.
    #[error("cannot read the routes of {aggregate}")]
    Unreadable {
        /// Aggregate of the contract.
        aggregate: &'static str,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// A route is invalid.
    #[error("route {path} of {aggregate}: {why}")]
    Impossible {
        /// Aggregate of the contract.
        aggregate: &'static str,
        /// The route's path.
        path: String,
        /// The error.
        why: String,
    },
    /// Two commands have one route.
    #[error(
        "route {method} {path} is of {first} and of {second}: change the path or the method of one"
    )]
    Taken {
        /// The method of both.
        method: Method,
        /// The path of both.
        path: String,
        /// The record of the first command.
        first: &'static str,
        /// The record of the second command.
        second: &'static str,
    },
    /// A command's schema has no JSON form.
    #[error("command {record} cannot be accepted over HTTP")]
    BodySchema {
        /// The command's record.
        record: &'static str,
        /// The cause.
        #[source]
        source: json_schema::Error,
    },
    /// A command's schema is invalid.
    #[error("cannot use the schema of {record}")]
    Schema {
        /// The command's record.
        record: &'static str,
        /// The cause.
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
    /// For the tracker.
    #[serde(default, rename = "workflows")]
    _workflows: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    method: String,
    path: String,
    command: String,
    id: IdRule,
    #[serde(default)]
    idempotency_key: KeyRule,
    time_to_live_ms: Option<u64>,
}

/// The rule by which requests of a route need an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeyRule {
    #[default]
    Optional,
    Required,
}

/// Reads the routes of a contract.
pub fn read(contract: &'static Contract) -> Result<Vec<Arc<Route>>, Error> {
    if contract.routes.is_empty() {
        return Ok(Vec::new());
    }
    let file: File = serde_json::from_str(contract.routes).map_err(|source| Error::Unreadable {
        aggregate: contract.aggregate,
        source,
    })?;
    let mut routes = Vec::<Arc<Route>>::new();
    for entry in file.routes {
        let path = entry.path.clone();
        let impossible = |why: String| Error::Impossible {
            aggregate: contract.aggregate,
            path: path.clone(),
            why,
        };
        if file.aggregate != contract.aggregate {
            return Err(impossible(format!(
                "the file is of aggregate {}",
                file.aggregate
            )));
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
        if let Some(other) = routes.first()
            && other.id_format != route.id_format
        {
            let other = &other.path;
            return Err(impossible(format!(
                "the ids of an aggregate have one format, but the id of route {other} has another"
            )));
        }
        routes.push(Arc::new(route));
    }
    Ok(routes)
}

/// Checks that each route is of one command.
pub fn check_distinct<'r>(routes: impl IntoIterator<Item = &'r Arc<Route>>) -> Result<(), Error> {
    let mut records = HashMap::new();
    for route in routes {
        let place = (&route.method, &route.path);
        if let Some(first) = records.insert(place, route.record) {
            return Err(Error::Taken {
                method: route.method.clone(),
                path: route.path.clone(),
                first,
                second: route.record,
            });
        }
    }
    Ok(())
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
            .filter(|method| METHODS.contains(&method.as_str()))
            .and_then(|method| Some((method.clone(), MethodFilter::try_from(method).ok()?)))
            .ok_or_else(|| {
                let methods = METHODS.join(", ");
                impossible(format!("{} must be one of {methods}", entry.method))
            })?;
        check_path(&entry).map_err(impossible)?;
        if let Some(time) = entry.time_to_live_ms
            && !preconditions::TIMES_TO_LIVE.contains(&time)
        {
            let most = preconditions::TIMES_TO_LIVE.end();
            return Err(impossible(format!(
                "time_to_live_ms {time} must be from 1 to {most}"
            )));
        }
        let schema = |source| Error::Schema {
            record: record.name,
            source,
        };
        // The parsed schema lives as long as the process. The codec around it is not needed.
        let parsed = Codec::parse(record.json).map_err(schema)?.schema();
        let body_schema = BodySchema::of(parsed).map_err(|source| Error::BodySchema {
            record: record.name,
            source,
        })?;
        let id_format = entry.id.format().map_err(impossible)?;
        entry
            .id
            .check(&id_format, &body_schema)
            .map_err(impossible)?;
        let writer = GenericDatumWriter::builder(parsed)
            .build()
            .map_err(|error| schema(avro::Error::Schema(Box::new(error))))?;
        Ok(Self {
            method,
            filter,
            path: entry.path,
            record: record.name,
            id: entry.id,
            id_format,
            body_schema,
            resource: resource.to_owned(),
            demands_key: entry.idempotency_key == KeyRule::Required,
            time_to_live_ms: entry.time_to_live_ms,
            writer,
        })
    }

    /// Reads a body as the route's command: the id of its aggregate and its record. Adds every
    /// error in it otherwise.
    pub fn read(
        &self,
        aggregate: &str,
        sources: IdSources<'_>,
        body: &mut Map<String, Json>,
        errors: &mut Vec<FieldError>,
    ) -> Option<(String, Value)> {
        let id = address(&self.id, aggregate, sources, body, errors);
        let record = validate::record(&self.body_schema, body);
        let record = record.map_err(|found| errors.extend(found)).ok();
        id.zip(record)
    }

    /// Encodes a validated body as a datum of the command's schema.
    pub fn encode(&self, value: Value) -> Result<Vec<u8>, avro::Error> {
        self.writer
            .write_value_to_vec(value)
            .map_err(|source| avro::Error::Encode {
                record: self.record.to_owned(),
                source: Box::new(source),
            })
    }

    /// Returns whether a command of this route is for a new aggregate, as far as the request tells:
    /// it demands that, or it has an id that the edge or its client makes up. A derived id and an
    /// id in the path may be those of an aggregate that exists.
    pub(crate) fn creates(&self, expected_version: Option<u64>) -> bool {
        match expected_version {
            Some(version) => version == 0,
            None => matches!(self.id, IdRule::New {} | IdRule::BodyOrNew { .. }),
        }
    }

    /// Returns the field of the command that is a request, see [`crate::requests`].
    pub(crate) fn request_field(&self) -> Option<&str> {
        let BodySchema::Record(record) = &self.body_schema else {
            return None;
        };
        let mut fields = record.fields.iter();
        let field = fields.find(|field| matches!(field.body_schema, BodySchema::Request(_)));
        field.map(|field| field.name.as_str())
    }

    /// Returns the id in the path of a request: an empty one if the route has none there. Returns
    /// none if the path is another one.
    pub(crate) fn path_id<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Some((before, after)) = self.path.split_once(ID) else {
            return (self.path == path).then_some("");
        };
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        (!id.is_empty() && !id.contains('/')).then_some(id)
    }

    /// Returns whether the path has `{id}`.
    pub fn has_path_id(&self) -> bool {
        self.path.contains(ID)
    }
}

/// The methods that can change something.
pub(crate) const METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// The only path parameter.
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
            return Err(format!("segment {segment} must be plain text or {ID}"));
        }
    }
    match (parameters, &entry.id) {
        (1, IdRule::Path { .. })
        | (0, IdRule::BodyOrNew { .. } | IdRule::New {} | IdRule::Derived { .. }) => Ok(()),
        _ => Err(format!(
            "must contain {ID} once if the id is from the path, and otherwise not at all"
        )),
    }
}

#[cfg(test)]
mod tests;
