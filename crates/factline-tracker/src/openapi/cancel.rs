//! The OpenAPI description of `DELETE /operations/{id}`.

use factline_http::Problem;
use factline_http::openapi::headers::{LOCATION, RETRY_AFTER, X_OPERATION, X_RESOURCE};
use factline_http::openapi::{Document, merge, parameters};
use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Content, ResponseBuilder};

use super::HINT_FORMAT;
use crate::cancel::writer::{not_cancellable, too_late};
use crate::retention::expired;

/// Adds the operation to the document.
pub(super) fn describe(document: &mut Document) {
    let schema = document.schema("AcceptedCancel", body());
    // The merged document links to the operation that exists there.
    let links = json!({"operation": "/operations/{id}"});
    let accepted = ResponseBuilder::new()
        .description(
            "The request is in the log. Its own operation says what becomes of it: `completed`, if \
             the command is cancelled or its process has begun to cancel it, or `rejected`.",
        )
        .content("application/json", Content::new(Some(schema)))
        .header(X_RESOURCE.name, X_RESOURCE.optional().build())
        .extensions(Some(Extensions::from_iter([(merge::LINKS, links)])));
    let accepted = document.headers(accepted, &[LOCATION, X_OPERATION, RETRY_AFTER]);
    let text = |format| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
    };
    let id = text(SchemaFormat::KnownFormat(KnownFormat::Uuid));
    let hint = text(SchemaFormat::Custom(HINT_FORMAT.to_owned()));
    let operation = OperationBuilder::new()
        .tag("operations")
        .operation_id(Some("cancelOperation"))
        .summary(Some("Asks for the cancellation of a command"))
        .description(Some(
            "A command that is not decided yet ends as `cancelled`. The process of a running command \
             undoes what it has done, and the command ends as `cancelled` later; or the process \
             refuses. The same request again is the same operation.",
        ))
        .parameter(parameters::path("id", "The operation to cancel.", id))
        .parameter(parameters::query(
            "at",
            "The query of the address in `Location`. It makes the response faster for an unknown \
             operation.",
            hint,
        ))
        .response("202", accepted);
    let problems = [
        Problem::invalid_request(),
        Problem::not_found(""),
        too_late(),
        not_cancellable(),
        expired(),
        Problem::service_failed(),
        Problem::unavailable("", 1),
    ];
    let operation = document.problems(operation, &problems);
    document.operation(HttpMethod::Delete, "/operations/{id}", operation);
}

fn body() -> ObjectBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let address = |what: &str| {
        let href = text().description(Some("The path of its address on this origin."));
        ObjectBuilder::new()
            .description(Some(what))
            .property("id", text())
            .property("href", href)
            .required("id")
            .required("href")
    };
    let resource = "The resource of the command. It is absent if its type has no address.";
    ObjectBuilder::new()
        .description(Some("The addresses for what a client does next."))
        .property("operation", address("The operation of this request."))
        .property("resource", address(resource))
        .required("operation")
}
