//! The values of a request's headers in the log: an idempotency key with the values derived from
//! it, an expected version, a time to live.

use std::collections::HashSet;

use factline::{Envelope, id};
use factline_dev_servers::Servers;
use ordering_schemas::ORDER;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::process::{CommandApi, header};
use crate::{kafka, make_topics, place, record_at};

/// The response to a client, and its record in the log.
struct Sent {
    operation: String,
    resource: String,
    place: String,
    envelope: Envelope,
}

async fn sent(prefix: &str, request: RequestBuilder) -> Sent {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let place = place(&header(&response, "location"));
    let record = record_at(&kafka(Servers::shared(), prefix), &place);
    let envelope = record.envelope().unwrap();
    assert_eq!(record.key.as_deref(), Some(envelope.subject.as_bytes()));
    Sent {
        operation: header(&response, "x-operation"),
        resource: header(&response, "x-resource"),
        place,
        envelope,
    }
}

fn order(customer: &str) -> Value {
    json!({"customer_id": customer, "lines": [{
        "product_id": "p", "name": "n", "unit_price": {"amount": 1, "currency": "USD"}, "quantity": 1,
    }]})
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_create_under_a_key_is_one_operation_of_one_aggregate() {
    let (servers, prefix) = (Servers::shared(), "keyed.");
    make_topics(&kafka(servers, prefix), ORDER.partitions).await;
    let api = CommandApi::ready(servers, prefix, &[]).await;
    let post = async |path: &str, key: &str, body: Value| {
        let request = api.post(path).header("idempotency-key", key);
        sent(prefix, request.json(&body)).await
    };
    // An instance that does not know the first request.
    let other = CommandApi::ready(Servers::shared(), prefix, &[]).await;
    let elsewhere = async |path: &str, key: &str, body: Value| {
        let request = other.post(path).header("idempotency-key", key);
        sent(prefix, request.json(&body)).await
    };

    let first = post("/orders", "k", order("ada")).await;
    let replayed = post("/orders", "\"k\"", order("ada")).await;
    assert_eq!(first.place, replayed.place, "it is the same answer");
    assert_eq!(first.operation, replayed.operation);
    let again = elsewhere("/orders", "\"k\"", order("ada")).await;
    assert_ne!(first.place, again.place, "both are in the log");
    assert_eq!(first.operation, again.operation);
    assert_eq!(first.resource, again.resource);
    let partition = |sent: &Sent| sent.place.split('@').next().map(str::to_owned);
    assert_eq!(partition(&first), partition(&again));
    for sent in [&first, &again] {
        let envelope = &sent.envelope;
        let scope = envelope.idempotency_scope.as_deref().unwrap();
        let print = envelope.idempotency_fingerprint.as_deref().unwrap();
        assert_eq!((scope.len(), print.len()), (64, 64));
        assert_eq!(envelope.operation, id::keyed(scope, print));
        assert_eq!(envelope.id, envelope.operation);
        assert_eq!(sent.operation, format!("operations/{}", envelope.operation));
        let aggregate = id::keyed_aggregate("ordering.order", scope);
        assert_eq!(envelope.subject, aggregate.to_string());
        assert_eq!(sent.resource, format!("orders/{aggregate}"));
    }

    // Another body reaches the same aggregate in the same scope, where the handler can refuse it.
    let refused = api.post("/orders").header("idempotency-key", "k");
    let refused = refused.json(&order("eve")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["outcome"], "not_accepted");
    assert_eq!(problem["operation"], first.operation);
    // An instance that does not know it sends it to the same aggregate in the same scope.
    let third = CommandApi::ready(Servers::shared(), prefix, &[]).await;
    let body = third.post("/orders").header("idempotency-key", "k");
    let body = sent(prefix, body.json(&order("eve"))).await;
    assert_eq!(body.resource, first.resource);
    assert_eq!(
        body.envelope.idempotency_scope,
        first.envelope.idempotency_scope
    );
    let key = post("/orders", "l", order("ada")).await;
    let path = format!("/{}/cancel", first.resource);
    let route = post(&path, "k", json!({"reason": "late"})).await;
    let none = sent(prefix, api.post("/orders").json(&order("ada"))).await;
    assert_eq!(none.envelope.idempotency_scope, None);
    let all = [&first, &body, &key, &route, &none];
    let operations: HashSet<_> = all.iter().map(|sent| &sent.operation).collect();
    assert_eq!(operations.len(), all.len());
    let creates = [&first, &key, &none];
    let resources: HashSet<_> = creates.iter().map(|sent| &sent.resource).collect();
    assert_eq!(resources.len(), creates.len());
    let scopes: HashSet<_> = [&first, &key, &route]
        .iter()
        .map(|sent| &sent.envelope.idempotency_scope)
        .collect();
    assert_eq!(scopes.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_are_written_to_the_log() {
    let (servers, prefix) = (Servers::shared(), "conditions.");
    make_topics(&kafka(servers, prefix), ORDER.partitions).await;
    let api = CommandApi::ready(servers, prefix, &[]).await;
    let request = api.post("/orders").json(&order("ada"));
    let bare = sent(prefix, request).await.envelope;
    assert_eq!((bare.expected_version, bare.time_to_live_ms), (None, None));
    let request = api
        .post("/orders")
        .json(&order("ada"))
        .header("factline-expected-version", "0")
        .header("factline-time-to-live", "1500");
    let asked = sent(prefix, request).await.envelope;
    assert_eq!(
        (asked.expected_version, asked.time_to_live_ms),
        (Some(0), Some(1_500))
    );
}
