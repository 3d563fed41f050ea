//! The OpenAPI description of webhooks; `deliveries` has that of their deliveries.

mod deliveries;

use factline_http::Problem;
use factline_http::openapi::headers::CACHE_CONTROL;
use factline_http::openapi::{Document, parameters};
use utoipa::PartialSchema as _;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Content, Ref, Required, ResponseBuilder};

use crate::stream::Sent;
use crate::webhooks::address::MAX_LENGTH;
use crate::webhooks::challenge::challenge_failed;
use crate::webhooks::event::{self, BODY, Body};
use crate::webhooks::registration::{LIMITS, too_many};
use crate::webhooks::registration_body::MAX_USER;
use crate::webhooks::shown::{STATES, ShownWebhook, WEBHOOK};

/// The group of these operations.
const TAG: &str = "webhooks";

/// The format of the address of a receiver. Its host must have a public address.
const URL_FORMAT: &str = "factline-webhook-url";

/// Adds the operations to the document.
pub(super) fn describe(document: &mut Document) {
    let webhook = document.schema(WEBHOOK, ShownWebhook::schema());
    // The body of what a receiver gets. No operation of this service has it.
    document.schema(BODY, Body::<Sent<'static>>::schema());
    register(document, &webhook);
    list(document, &webhook);
    one(document, &webhook);
    changes(document, &webhook);
    deliveries::describe(document);
}

/// Adds `POST /webhooks`.
fn register(document: &mut Document, webhook: &Ref) {
    let events = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(event::names()));
    let events = ArrayBuilder::new()
        .items(events)
        .min_items(Some(1))
        .description(Some(
            "The events that are sent; all ends of operations if it is left out.",
        ));
    let url = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::Custom(URL_FORMAT.to_owned())))
        .max_length(Some(MAX_LENGTH))
        .description(Some(
            "The address of the receiver, with https. Its host must have a public address.",
        ));
    let user = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(parameters::TEXT))
        .max_length(Some(MAX_USER))
        .description(Some("Only events of this user's operations are sent."));
    let body = ObjectBuilder::new()
        .property("url", url)
        .property("events", events)
        .property("user_id", user)
        .required("url")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let body = document.schema("NewWebhook", body);
    let request = RequestBodyBuilder::new()
        .content("application/json", Content::new(Some(body)))
        .required(Some(Required::True))
        .build();
    let created = response(
        "The webhook, with its secret. It gets nothing yet.",
        webhook,
    );
    let created = document.headers(created, &[CACHE_CONTROL]);
    let operation = operation("registerWebhook", "Registers a webhook")
        .description(Some(
            "The receiver gets signed requests (Standard Webhooks). It gets them once it has \
             answered a challenge: see `enableWebhook`. The secret is in this response only.",
        ))
        .request_body(Some(request))
        .response("201", created);
    let problems = [
        Problem::invalid_request(),
        too_many(),
        Problem::too_large(0),
        Problem::unsupported_media_type(""),
        Problem::service_failed(),
        Problem::unavailable("", 1),
    ];
    let operation = document.problems(operation, &problems);
    document.operation(HttpMethod::Post, "/webhooks", operation);
}

/// Adds `GET /webhooks`.
fn list(document: &mut Document, webhook: &Ref) {
    let page = page(document, "WebhookPage", webhook);
    let user = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(parameters::TEXT));
    let operation = operation("listWebhooks", "Lists webhooks, the newest first")
        .parameter(parameters::query(
            "user_id",
            "Webhooks for this user.",
            user,
        ))
        .parameter(state("Webhooks in this state.", &STATES));
    let operation = paged(operation);
    let operation = document.tagged_json(operation, "A page of webhooks.", page);
    let operation = document.problems(operation, &super::problems_of_many());
    document.operation(HttpMethod::Get, "/webhooks", operation);
}

/// Adds `GET` and `DELETE /webhooks/{id}`.
fn one(document: &mut Document, webhook: &Ref) {
    let operation = operation("getWebhook", "Returns a webhook").parameter(id());
    let operation = document.tagged_json(operation, "The webhook.", webhook.clone());
    let operation = document.problems(operation, &problems_of_one());
    document.operation(HttpMethod::Get, "/webhooks/{id}", operation);

    let deleted = ResponseBuilder::new().description("The webhook is deleted.");
    let operation = operation_without_body("deleteWebhook", "Deletes a webhook")
        .description(Some(
            "A request that is under way still reaches the receiver.",
        ))
        .response("204", deleted);
    let operation = document.problems(operation, &problems_of_one());
    document.operation(HttpMethod::Delete, "/webhooks/{id}", operation);
}

/// Adds `POST /webhooks/{id}/secret` and `POST /webhooks/{id}/enable`.
fn changes(document: &mut Document, webhook: &Ref) {
    let rotated = response("The webhook, with its new secret.", webhook);
    let rotated = document.headers(rotated, &[CACHE_CONTROL]);
    let operation = operation_without_body("rotateWebhookSecret", "Replaces the secret")
        .description(Some(
            "For 24 hours, requests have two signatures: by the new secret and by the one before.",
        ))
        .response("200", rotated);
    let operation = document.problems(operation, &problems_of_one());
    document.operation(HttpMethod::Post, "/webhooks/{id}/secret", operation);

    let enabled = response("The webhook, which is active.", webhook);
    let enabled = document.headers(enabled, &[CACHE_CONTROL]);
    let operation = operation_without_body("enableWebhook", "Challenges the receiver")
        .description(Some(
            "The receiver gets the event `webhook_challenge` and must respond with 2xx and \
             `data.token` as the whole body. Then the webhook is active. One that was disabled \
             goes on with the events that it has missed, as far as they are kept, which is a day.",
        ))
        .response("200", enabled);
    let [invalid, missing, failed, unavailable] = problems_of_one();
    let problems = [
        invalid,
        missing,
        challenge_failed(),
        Problem::too_many_requests("", 1),
        failed,
        unavailable,
    ];
    let operation = document.problems(operation, &problems);
    document.operation(HttpMethod::Post, "/webhooks/{id}/enable", operation);
}

fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some(id))
        .summary(Some(summary))
}

fn operation_without_body(name: &str, summary: &str) -> OperationBuilder {
    operation(name, summary).parameter(id())
}

fn response(description: &str, schema: &Ref) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .content("application/json", Content::new(Some(schema.clone())))
}

fn page(document: &mut Document, name: &str, row: &Ref) -> Ref {
    let next = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "The value of `after` for the next page; null on the last one.",
        ));
    let page = ObjectBuilder::new()
        .property("items", ArrayBuilder::new().items(row.clone()))
        .property("next", next)
        .required("items")
        .required("next");
    document.schema(name, page)
}

/// Adds the parameters of pages.
fn paged(operation: OperationBuilder) -> OperationBuilder {
    let cursor = SchemaFormat::Custom(parameters::CURSOR_FORMAT.to_owned());
    let cursor = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(cursor));
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(LIMITS.1));
    operation
        .parameter(parameters::query(
            "after",
            "The value of `next` of the page before.",
            cursor,
        ))
        .parameter(parameters::query(
            "limit",
            "The number of rows on a page.",
            limit,
        ))
}

fn state(description: &str, states: &[&str]) -> Parameter {
    let states = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(states.iter().copied()));
    parameters::query("state", description, states)
}

fn id() -> Parameter {
    uuid("id", "The webhook.")
}

fn uuid(name: &str, description: &str) -> Parameter {
    let uuid = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    parameters::path(name, description, uuid)
}

fn problems_of_one() -> [Problem; 4] {
    let [invalid, failed, unavailable] = super::problems_of_many();
    [invalid, Problem::not_found(""), failed, unavailable]
}
