//! The OpenAPI description of the routes; `cancel` has that of `DELETE`, and `webhooks` that of
//! webhooks.

mod cancel;
mod webhooks;

use factline::outcome::State;
use factline_http::Problem;
use factline_http::openapi::headers::{
    CACHE_CONTROL, ETAG, PREFERENCE_APPLIED, RETRY_AFTER, X_RESOURCE,
};
use factline_http::openapi::{Document, parameters};
use serde_json::Value;
use utoipa::PartialSchema as _;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Content, ResponseBuilder};

use crate::list::{LIMITS, LISTED, Listed, Total};
use crate::retention::expired;
use crate::shown::{OPERATION, REACHED, Reached, Shown};
use crate::states::STATES;
use crate::statistics::{
    CommandStatistics, EndCounts, Percentiles, STATISTICS, Statistics, WINDOW,
};
use crate::stream::{EVENT, Sent};
use crate::workflow::{STEP, WorkflowStep};

/// The group of all operations of this service.
const TAG: &str = "operations";

/// The media type of server-sent events.
const EVENT_STREAM: &str = "text/event-stream";

/// The format of the address of a resource.
const RESOURCE_FORMAT: &str = "factline-resource";

/// The name of the schema of a page.
const PAGE: &str = "ListedOperationPage";

/// The name of the schema of a count.
const TOTAL: &str = "Total";

/// The format of a hint. It is opaque to clients.
pub const HINT_FORMAT: &str = "factline-hint";

/// Returns the OpenAPI document of the tracker.
pub fn document() -> Value {
    let mut document = Document::new("Operations");
    document.tag("operations", "The status of every command.");
    document.tag("webhooks", "Events of operations, sent to callers.");
    document.schema(REACHED, Reached::schema());
    document.schema(STEP, WorkflowStep::schema());
    one(&mut document);
    cancel::describe(&mut document);
    streams(&mut document);
    lists(&mut document);
    webhooks::describe(&mut document);
    document.build()
}

/// Adds `GET /operations/{id}`.
fn one(document: &mut Document) {
    let schema = document.schema(OPERATION, Shown::schema());
    let found = ResponseBuilder::new()
        .description(
            "The operation. `Retry-After` is there until the operation has ended, and `X-Resource` \
             if its resource has an address.",
        )
        .content("application/json", Content::new(Some(schema)))
        .header(RETRY_AFTER.name, RETRY_AFTER.optional().build())
        .header(X_RESOURCE.name, X_RESOURCE.optional().build())
        .header(
            PREFERENCE_APPLIED.name,
            PREFERENCE_APPLIED.optional().build(),
        );
    let found = document.headers(found, &[ETAG, CACHE_CONTROL]);
    let operation = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("getOperation"))
        .summary(Some("Returns the status of a command"))
        .description(Some(
            "After a 202, this is never 404 while the operation is kept. An operation that ended long \
             ago is deleted. Then the response is 410 if the id has a time (UUIDv7), and 404 \
             otherwise. If it is not yet certain whether the operation exists, the response is 503.",
        ))
        .parameter(id())
        .parameter(hint())
        .parameter(parameters::query(
            "views",
            "Adds `visible`: the views that show what the operation wrote.",
            ObjectBuilder::new().schema_type(Type::Boolean),
        ))
        .parameter(parameters::prefer(
            "`wait=N` (RFC 7240): the response waits, for at most N seconds, until the operation has \
             ended. With `If-None-Match` it waits until there is another representation.",
        ));
    let operation = document.tagged(operation, found);
    let operation = document.problems(operation, &problems_of_one());
    document.operation(HttpMethod::Get, "/operations/{id}", operation);
}

/// Adds the server-sent events.
fn streams(document: &mut Document) {
    let event = document.schema(EVENT, Sent::schema());
    let events = |of: &str| {
        ResponseBuilder::new()
            .description(format!(
                "Server-sent events {of}. The event of a state is `operation_` and the state, such \
                 as `operation_completed`. Its data is JSON of the schema. Each transition is sent \
                 once and in order."
            ))
            .content(EVENT_STREAM, Content::new(Some(event.clone())))
    };
    let last = || {
        parameters::header(
            "Last-Event-ID",
            "The id of the last event that the client has. The stream goes on after it.",
            ObjectBuilder::new().schema_type(Type::String),
        )
    };
    let response = document.headers(
        events("of the operation, until it has ended"),
        &[CACHE_CONTROL],
    );
    let over = ResponseBuilder::new().description("The client has the last event already.");
    let operation = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("streamOperation"))
        .summary(Some("Streams the states of a command"))
        .description(Some(
            "The id of an event is the state. A browser's `EventSource` stops at the 204 that it gets \
             when it reconnects after the end.",
        ))
        .parameter(id())
        .parameter(hint())
        .parameter(last())
        .response("200", response)
        .response("204", over);
    let operation = document.problems(operation, &problems_of_one());
    document.operation(HttpMethod::Get, "/operations/{id}/events", operation);

    let response = document.headers(events("of all operations"), &[CACHE_CONTROL]);
    let operation = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("streamOperations"))
        .summary(Some("Streams the states of all commands"))
        .description(Some(
            "Without an id, the stream begins now. It goes on over restarts and on any instance. \
             Changes are kept for a day. If those after the client's last event are not kept, the \
             event `operations_reset` comes first, and the client should list what it follows.",
        ))
        .parameter(parameters::query(
            "user_id",
            "Only operations of this user.",
            text(),
        ))
        .parameter(parameters::query(
            "after",
            "The same as `Last-Event-ID`, for clients that cannot set a header.",
            ObjectBuilder::new().schema_type(Type::String),
        ))
        .parameter(last())
        .response("200", response);
    let operation = document.problems(operation, &problems_of_many());
    document.operation(HttpMethod::Get, "/operations/events", operation);
}

/// Adds `GET /operations` and `GET /operations/statistics`.
fn lists(document: &mut Document) {
    let row = document.schema(LISTED, Listed::schema());
    let total = document.schema(TOTAL, Total::schema());
    let next = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "The value of `after` for the next page; null on the last one.",
        ));
    let page = ObjectBuilder::new()
        .property("items", ArrayBuilder::new().items(row))
        .property("next", next)
        .property("total", total)
        .required("items")
        .required("next");
    let page = document.schema(PAGE, page);
    let whole = |least, most: usize| {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(least))
            .maximum(Some(most))
    };
    let time = || format(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    let states = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(STATES.map(State::as_str)));
    let count = ObjectBuilder::new().schema_type(Type::Boolean);
    let cursor = format(SchemaFormat::Custom(parameters::CURSOR_FORMAT.to_owned()));
    let operation = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("listOperations"))
        .summary(Some("Lists commands, the newest first"));
    let query = parameters::query;
    let operation = operation
        .parameter(query("user_id", "Commands of this user.", text()))
        .parameter(query("state", "Commands in this state.", states))
        .parameter(query("command", "Commands of this type.", text()))
        .parameter(query(
            "code",
            "Commands that were refused or failed with this code.",
            text(),
        ))
        .parameter(query(
            "resource",
            "Commands to the resource at this address, as in `X-Resource`.",
            format(SchemaFormat::Custom(RESOURCE_FORMAT.to_owned())),
        ))
        .parameter(query(
            "from",
            "Commands accepted at this time or later.",
            time(),
        ))
        .parameter(query("to", "Commands accepted before this time.", time()))
        .parameter(query(
            "after",
            "The value of `next` of the page before.",
            cursor,
        ))
        .parameter(query(
            "limit",
            "The number of operations on a page.",
            whole(1, LIMITS.1),
        ))
        .parameter(query(
            "count",
            "Adds `total`, the number of all that match. More than 10,000 are not counted.",
            count,
        ));
    let operation = document.tagged_json(operation, "A page of operations.", page);
    let operation = document.problems(operation, &problems_of_many());
    document.operation(HttpMethod::Get, "/operations", operation);

    for (name, schema) in [
        ("CommandStatistics", CommandStatistics::schema()),
        ("EndCounts", EndCounts::schema()),
        ("Percentiles", Percentiles::schema()),
    ] {
        document.schema(name, schema);
    }
    let schema = document.schema(STATISTICS, Statistics::schema());
    let most = usize::try_from(WINDOW.1).unwrap_or(usize::MAX);
    let operation = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("getOperationStatistics"))
        .summary(Some("Returns rates, outcomes and times by type of command"))
        .parameter(query(
            "window",
            "Seconds up to now. If there were very many commands, the time is shorter: see `since`.",
            whole(1, most),
        ));
    let operation = document.tagged_json(operation, "The statistics.", schema);
    let operation = document.problems(operation, &problems_of_many());
    document.operation(HttpMethod::Get, "/operations/statistics", operation);
}

fn id() -> Parameter {
    let uuid = format(SchemaFormat::KnownFormat(KnownFormat::Uuid));
    parameters::path("id", "The operation.", uuid)
}

fn hint() -> Parameter {
    parameters::query(
        "at",
        "The query of the address in `Location`. It makes the response faster for an unknown \
         operation.",
        format(SchemaFormat::Custom(HINT_FORMAT.to_owned())),
    )
}

fn format(format: SchemaFormat) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(format))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(parameters::TEXT))
}

fn problems_of_one() -> [Problem; 5] {
    let [invalid, failed, unavailable] = problems_of_many();
    [
        invalid,
        Problem::not_found(""),
        expired(),
        failed,
        unavailable,
    ]
}

fn problems_of_many() -> [Problem; 3] {
    [
        Problem::invalid_request(),
        Problem::service_failed(),
        Problem::unavailable("", 1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Resources;
    use crate::observation::Step;
    use crate::store::{Found, Operation, Steps};
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
        let pending = Step {
            partition: 3,
            offset: 17,
            at: Timestamp::UNIX_EPOCH,
        };
        Operation {
            state: state.as_str().to_owned(),
            aggregate: CONTRACT.aggregate.to_owned(),
            resource_id: Some("AB/1".to_owned()),
            steps: Steps::new(Some(pending), None),
            ..Operation::example(number)
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
            retries: vec![Uuid::from_u128(9)],
            attempt: 1,
        };
        let resources = Resources::read(&[CONTRACT]).unwrap();
        let shown = json!(Shown::new(&found, &resources));
        assert_eq!(shown["resource"], "products/AB%2F1");
        let document = document();
        let mut schema = document["components"]["schemas"][OPERATION].clone();
        // A member that the schema does not have would not be documented.
        schema["additionalProperties"] = false.into();
        let schema = json!({
            "$ref": "#/components/schemas/Operation",
            "components": {"schemas": {
                OPERATION: schema,
                REACHED: document["components"]["schemas"][REACHED],
                STEP: document["components"]["schemas"][STEP],
            }},
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
