//! The OpenAPI description of `GET /operations/{id}`.

use factline_http::Problem;
use factline_http::openapi::headers::{CACHE_CONTROL, ETAG, RETRY_AFTER, X_RESOURCE};
use factline_http::openapi::{Document, parameters};
use serde_json::Value;
use utoipa::PartialSchema as _;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Content, ResponseBuilder};

use crate::retention::expired;
use crate::shown::{OPERATION, Shown};

/// The format of a hint. It is opaque to clients.
pub const HINT_FORMAT: &str = "factline-hint";

/// Returns the OpenAPI document of the tracker.
pub fn document() -> Value {
    let mut document = Document::new("Operations");
    document.tag("operations", "The status of every command.");
    let schema = document.schema(OPERATION, Shown::schema());
    let found = ResponseBuilder::new()
        .description(
            "The operation. `Retry-After` is there until the operation has ended, and `X-Resource` \
             if its resource has an address.",
        )
        .content("application/json", Content::new(Some(schema)))
        .header(RETRY_AFTER.name, RETRY_AFTER.optional().build())
        .header(X_RESOURCE.name, X_RESOURCE.optional().build());
    let found = document.headers(found, &[ETAG, CACHE_CONTROL]);
    let text = |format| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
    };
    let id = text(SchemaFormat::KnownFormat(KnownFormat::Uuid));
    let hint = text(SchemaFormat::Custom(HINT_FORMAT.to_owned()));
    let operation = OperationBuilder::new()
        .tag("operations")
        .operation_id(Some("getOperation"))
        .summary(Some("Returns the status of a command"))
        .description(Some(
            "After a 202, this is never 404 while the operation is kept. An operation that ended long \
             ago is deleted. Then the response is 410 if the id has a time (UUIDv7), and 404 \
             otherwise. If it is not yet certain whether the operation exists, the response is 503.",
        ))
        .parameter(parameters::path("id", "The operation.", id))
        .parameter(parameters::query(
            "at",
            "The query of the address in `Location`. It makes the response faster for an unknown \
             operation.",
            hint,
        ));
    let operation = document.tagged(operation, found);
    let problems = [
        Problem::invalid_request(),
        Problem::not_found(""),
        expired(),
        Problem::service_failed(),
        Problem::unavailable("", 1),
    ];
    let operation = document.problems(operation, &problems);
    document.operation(HttpMethod::Get, "/operations/{id}", operation);
    document.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Resources;
    use crate::store::{Found, Operation};
    use factline::outcome::{OutcomeKind, State};
    use factline::{Contract, Timestamp};
    use factline_http::openapi::testing;
    use serde_json::json;
    use uuid::Uuid;

    const CONTRACT: &Contract = &Contract {
        aggregate: "catalog.product",
        partitions: 1,
        commands: &[],
        events: &[],
        routes: r#"{"resource": "products/{id}"}"#,
    };

    fn operation(number: u128, state: State) -> Operation {
        Operation {
            id: Uuid::from_u128(number),
            kind: OutcomeKind::Command.as_str().to_owned(),
            name: "catalog.RenameProduct".to_owned(),
            state: state.as_str().to_owned(),
            aggregate: CONTRACT.aggregate.to_owned(),
            resource_id: Some("AB/1".to_owned()),
            code: None,
            reason: None,
            user_id: "anonymous".to_owned(),
            version: None,
            position: None,
            parent: None,
            root: None,
            retry_of: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn document_is_valid() {
        assert_eq!(testing::faults(&document()), Vec::<String>::new());
    }

    #[test]
    fn operation_matches_its_schema() {
        let child = Operation {
            code: Some("unknown_product".to_owned()),
            reason: Some("There is no such product.".to_owned()),
            resource_id: None,
            version: Some(3),
            position: Some("1abc".to_owned()),
            root: Some(Uuid::from_u128(1)),
            parent: Some(Uuid::from_u128(1)),
            retry_of: Some(Uuid::from_u128(7)),
            ..operation(2, State::Rejected)
        };
        let found = Found {
            operation: operation(1, State::Running),
            related: vec![child],
            truncated: true,
        };
        let resources = Resources::read(&[CONTRACT]).unwrap();
        let shown = json!(Shown::new(&found, &resources));
        assert_eq!(shown["resource"], "products/AB%2F1");
        let document = document();
        let mut schema = document["components"]["schemas"][OPERATION].clone();
        // A member that the schema does not have would not be documented.
        schema["additionalProperties"] = false.into();
        let schema = json!({
            "$ref": "#/components/schemas/Operation", "components": {"schemas": {OPERATION: schema}},
        });
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let faults: Vec<_> = validator
            .iter_errors(&shown)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(faults, Vec::<String>::new());
        let mut ended = shown;
        ended["children"][0]["state"] = "finished".into();
        assert!(!validator.is_valid(&ended));
    }
}
