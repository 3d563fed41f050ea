//! The OpenAPI description of the deliveries of webhooks.

use factline_http::Problem;
use factline_http::openapi::Document;
use factline_http::openapi::headers::CACHE_CONTROL;
use utoipa::PartialSchema as _;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{Content, Required};

use crate::webhooks::deliveries::{Redelivered, count_differs};
use crate::webhooks::shown::{DELIVERY, DELIVERY_STATES, ShownDelivery};

use super::{id, operation, page, paged, problems_of_one, response, state, uuid};

/// Adds the operations to the document.
pub(super) fn describe(document: &mut Document) {
    let delivery = document.schema(DELIVERY, ShownDelivery::schema());
    let page = page(document, "WebhookDeliveryPage", &delivery);
    let listed = operation(
        "listWebhookDeliveries",
        "Lists deliveries, the newest first",
    )
    .description(Some(
        "Those that were delivered are kept for a day, and those that are dead for 30 days unless \
         the service is set up otherwise.",
    ))
    .parameter(id())
    .parameter(state("Deliveries in this state.", &DELIVERY_STATES));
    let listed = document.tagged_json(paged(listed), "A page of deliveries.", page);
    let listed = document.problems(listed, &problems_of_one());
    document.operation(HttpMethod::Get, "/webhooks/{id}/deliveries", listed);

    let again = response("The delivery.", &delivery);
    let again = document.headers(again, &[CACHE_CONTROL]);
    let again = operation("redeliver", "Sends a delivery again")
        .description(Some(
            "A delivery that has ended becomes pending again, with all attempts. One that is \
             pending stays as it is.",
        ))
        .parameter(id())
        .parameter(uuid("delivery", "The delivery."))
        .response("200", again);
    let again = document.problems(again, &problems_of_one());
    let path = "/webhooks/{id}/deliveries/{delivery}/redeliver";
    document.operation(HttpMethod::Post, path, again);
    all(document);
}

/// Adds `POST /webhooks/{id}/deliveries/redeliver`.
fn all(document: &mut Document) {
    let count = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .description(Some("The number of dead letters that the caller expects."));
    let body = ObjectBuilder::new()
        .property("count", count)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let body = document.schema("Redelivery", body);
    let request = RequestBodyBuilder::new()
        .content("application/json", Content::new(Some(body)))
        .required(Some(Required::False))
        .build();
    let schema = document.schema("Redelivered", Redelivered::schema());
    let done = response("The number of dead letters.", &schema);
    let done = document.headers(done, &[CACHE_CONTROL]);
    let operation = operation("redeliverAll", "Sends all dead letters again")
        .description(Some(
            "Without a count, the response has their number and nothing is sent. With it, they are \
             sent again if there are as many. A request sends at most the oldest 10,000.",
        ))
        .parameter(id())
        .request_body(Some(request))
        .response("200", done);
    let [invalid, missing, failed, unavailable] = problems_of_one();
    let problems = [
        invalid,
        missing,
        count_differs(),
        Problem::too_large(0),
        Problem::unsupported_media_type(""),
        failed,
        unavailable,
    ];
    let operation = document.problems(operation, &problems);
    let path = "/webhooks/{id}/deliveries/redeliver";
    document.operation(HttpMethod::Post, path, operation);
}
