//! The OpenAPI description of the routes: an operation for each route, with every response that
//! the edge can give.
//!
//! It is made from the contracts alone, as the routes are. Nothing has to be added for a new
//! command. To describe a new header of requests, add its parameter beside the code that reads it
//! and in [`parameters`]; to describe a new problem, add it to [`problems`].

pub mod body;

use std::collections::BTreeMap;
use std::sync::Arc;

use factline::Contract;
use factline_http::Problem;
use factline_http::accepted::{NOT_ACCEPTED, UNKNOWN};
use factline_http::openapi::headers::{
    LOCATION, PREFERENCE_APPLIED, RETRY_AFTER, X_OPERATION, X_RESOURCE,
};
use factline_http::openapi::{Document, merge, parameters as shared};
use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, Ref, Required, ResponseBuilder};

use crate::id_format::IdFormat;
use crate::json_schema::BodySchema;
use crate::routes::{self, Route};
use crate::{body as request_body, idempotency, preconditions, replays, response};

/// Returns the OpenAPI document of the routes of these contracts.
///
/// # Errors
///
/// If a routes file is invalid.
pub fn document(contracts: &[&'static Contract]) -> Result<Value, routes::Error> {
    let mut document = Document::new("Commands");
    for contract in contracts {
        describe(&mut document, contract, &routes::read(contract)?);
    }
    Ok(document.build())
}

/// Adds the routes of a contract to a document.
pub fn describe(document: &mut Document, contract: &Contract, routes: &[Arc<Route>]) {
    let Some(first) = routes.first() else { return };
    let description = format!("The commands of {}.", contract.aggregate);
    document.tag(contract.aggregate, &description);
    let accepted = accepted(document, contract.aggregate, &first.resource);
    let ended = ended(document);
    let mut uses = BTreeMap::<&str, usize>::new();
    for route in routes {
        *uses.entry(route.record).or_default() += 1;
    }
    for route in routes {
        let Some(method) = method(route) else {
            continue;
        };
        let id = if uses[route.record] == 1 {
            route.record.to_owned()
        } else {
            format!(
                "{}.{}{}",
                route.record,
                route.method,
                route.path.replace('/', ".")
            )
        };
        let operation = OperationBuilder::new()
            .tag(contract.aggregate)
            .operation_id(Some(id))
            .summary(Some(route.record));
        let operation = operation
            .response("200", ended.clone())
            .response("202", accepted.clone())
            .request_body(Some(body(route).build()))
            .description(doc(route));
        let operation = parameters(document, operation, route);
        let operation = problems(document, operation);
        document.operation(method, &route.path, operation);
    }
}

fn method(route: &Route) -> Option<HttpMethod> {
    match route.method.as_str() {
        "POST" => Some(HttpMethod::Post),
        "PUT" => Some(HttpMethod::Put),
        "PATCH" => Some(HttpMethod::Patch),
        "DELETE" => Some(HttpMethod::Delete),
        _ => None,
    }
}

fn doc(route: &Route) -> Option<&str> {
    match &route.body_schema {
        BodySchema::Record(record) => record.doc.as_deref(),
        _ => None,
    }
}

fn body(route: &Route) -> RequestBodyBuilder {
    let schema = match &route.body_schema {
        BodySchema::Record(record) => body::request(route.record, record, &route.id),
        // A command is always a record.
        _ => Object::new(),
    };
    let required = if schema.required.is_empty() {
        Required::False
    } else {
        Required::True
    };
    let limit = format!("At most {} bytes, not compressed.", request_body::MAX_BYTES);
    RequestBodyBuilder::new()
        .description(Some(limit))
        .required(Some(required))
        .content("application/json", Content::new(Some(schema)))
}

fn parameters(
    document: &mut Document,
    operation: OperationBuilder,
    route: &Route,
) -> OperationBuilder {
    let headers = [
        preconditions::expected_version(),
        preconditions::time_to_live(),
        preconditions::if_match(),
        shared::traceparent(),
        shared::prefer(
            "`wait=N` (RFC 7240): the response waits, for at most N seconds, until the operation has \
             ended. Then it is 200 with the operation, and otherwise 202.",
        ),
    ];
    let operation = if route.has_path_id() {
        let id = shared::path("id", "The id of the resource.", body::id(&route.id_format));
        operation.parameter(id)
    } else {
        operation
    };
    // These are not shared: other operations have parameters of the same name.
    let own = [
        idempotency::parameter(route.demands_key),
        preconditions::if_none_match(),
    ];
    let operation = own.into_iter().fold(operation, OperationBuilder::parameter);
    headers.into_iter().fold(operation, |operation, header| {
        operation.parameter_ref(document.parameter(header))
    })
}

/// Adds the 202 of an aggregate's commands.
fn accepted(document: &mut Document, aggregate: &str, resource: &str) -> Ref {
    let schema = document.schema("Accepted", accepted_body());
    // The merged document links to the operations that exist there.
    let links = json!({"operation": "/operations/{id}", "resource": format!("/{resource}")});
    let response = ResponseBuilder::new()
        .description(
            "The command is in the log of all in-sync replicas. Its operation says what becomes of \
             it.",
        )
        .content("application/json", Content::new(Some(schema)))
        .extensions(Some(Extensions::from_iter([(merge::LINKS, links)])));
    let headers = [LOCATION, X_OPERATION, X_RESOURCE, RETRY_AFTER];
    let response = document.headers(response, &headers);
    document.response(&format!("accepted.{aggregate}"), response)
}

/// Adds the 200 of a command whose client waited for its end.
fn ended(document: &mut Document) -> Ref {
    let operation = ObjectBuilder::new()
        .description(Some("The operation, as `GET /operations/{id}` returns it."))
        .property("id", body::id(&IdFormat::Uuid))
        .property("state", ObjectBuilder::new().schema_type(Type::String))
        .property("success", ObjectBuilder::new().schema_type(Type::Boolean))
        .required("id")
        .required("state")
        .required("success");
    let schema = document.schema("EndedOperation", operation);
    let response = ResponseBuilder::new()
        .description(
            "The command was accepted, and its operation has ended, with success or without.",
        )
        .content("application/json", Content::new(Some(schema)));
    let headers = [LOCATION, X_OPERATION, X_RESOURCE, PREFERENCE_APPLIED];
    let response = document.headers(response, &headers);
    document.response("ended", response)
}

fn accepted_body() -> ObjectBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let address = |what: &str, id: Schema| {
        let href = text().description(Some("The path of its address on this origin."));
        ObjectBuilder::new()
            .description(Some(what))
            .property("id", id)
            .property("href", href)
            .required("id")
            .required("href")
    };
    let operation = address("The operation.", body::id(&IdFormat::Uuid));
    let resource = address("The resource that the command is about.", text().into());
    ObjectBuilder::new()
        .description(Some(
            "The addresses for everything that a client does next.",
        ))
        .property("operation", operation)
        .property("resource", resource)
        .required("operation")
        .required("resource")
}

fn problems(document: &mut Document, operation: OperationBuilder) -> OperationBuilder {
    let refusals = [
        Problem::invalid_request(),
        request_body::timed_out(),
        Problem::too_large(request_body::MAX_BYTES),
        Problem::unsupported_media_type(""),
        replays::key_reused(),
        Problem::service_failed(),
    ];
    let operation = document.problems(operation, &refusals);
    let text = |what: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(what))
    };
    let members = ObjectBuilder::new()
        .property(
            "outcome",
            text("Says whether the command is in the log.")
                .enum_values(Some([NOT_ACCEPTED, UNKNOWN])),
        )
        .property(
            "operation",
            text("The address of the operation that the command would have."),
        )
        .property("resource", text("The address of the resource."))
        .required("outcome");
    let unavailable = Problem::unavailable("", 1);
    let no_capacity = response::no_capacity(1);
    let problems = [&unavailable, &no_capacity];
    let unavailable = document.problem_with("command-unavailable", &problems, members);
    operation.response("503", unavailable)
}

#[cfg(test)]
mod tests;
