//! Handlers without memory for new aggregates, as the edge learns of them from the group's offsets.

use std::time::{Duration, Instant};

use factline_dev_servers::Servers;
use factline_kafka::KafkaConfig;
use factline_kafka::topics::{capacity, partition_of};
use ordering_schemas::ORDER;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::{CommandApi, PATIENCE, header};
use crate::{kafka, make_topics, purchase};

/// Commits offsets for the handlers of orders, with the mark or without it.
fn commit(kafka: &KafkaConfig, partitions: impl Iterator<Item = i32>, is_marked: bool) {
    let topics = kafka.topics(&ORDER);
    let mut offsets = TopicPartitionList::new();
    for partition in partitions {
        let topic = topics.commands();
        offsets
            .add_partition_offset(topic, partition, Offset::Offset(0))
            .unwrap();
    }
    if is_marked {
        capacity::mark(&offsets);
    }
    let mut config = kafka.client_config();
    let consumer: BaseConsumer = config
        .set("group.id", topics.handler_group())
        .create()
        .unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
}

fn order(id: Uuid) -> Value {
    json!({"order_id": id, "customer_id": "ada", "lines": [{
        "product_id": "p", "name": "n", "unit_price": {"amount": 1, "currency": "USD"}, "quantity": 1,
    }]})
}

/// Returns a new order on a partition.
fn on(partition: i32) -> Uuid {
    loop {
        let id = Uuid::now_v7();
        if partition_of(id.to_string().as_bytes(), ORDER.partitions) == partition {
            return id;
        }
    }
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

/// Places orders on a partition until the response has this status.
async fn place_until(api: &CommandApi, partition: i32, status: StatusCode) -> Response {
    let started = Instant::now();
    loop {
        let response = api
            .post("/orders")
            .json(&order(on(partition)))
            .send()
            .await
            .unwrap();
        if response.status() == status {
            return response;
        }
        assert!(started.elapsed() < PATIENCE, "still {response:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_for_new_aggregates_are_refused_where_handlers_have_no_memory() {
    let (servers, prefix) = (Servers::shared(), "capacity.");
    let kafka = kafka(servers, prefix);
    make_topics(&kafka, ORDER.partitions).await;
    let api = CommandApi::ready(servers, prefix, &[]).await;
    commit(&kafka, 0..ORDER.partitions, false);
    for partition in 0..ORDER.partitions {
        place_until(&api, partition, StatusCode::ACCEPTED).await;
    }

    // All but partition 0.
    commit(&kafka, 1..ORDER.partitions, true);
    for partition in 1..ORDER.partitions {
        place_until(&api, partition, StatusCode::SERVICE_UNAVAILABLE).await;
    }
    let response = place_until(&api, 1, StatusCode::SERVICE_UNAVAILABLE).await;
    let seconds: u32 = header(&response, "retry-after").parse().unwrap();
    assert!((5..=15).contains(&seconds), "{seconds}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["type"], "https://factline.dev/problems/no-capacity");
    assert_eq!(body["outcome"], "not_accepted");
    let gauge = r#"factline_partitions_without_capacity{service="command-api",aggregate="ordering.order"} 7"#;
    let metrics = api.metrics().await;
    assert!(metrics.contains(gauge), "{metrics}");

    // One command a second passes.
    let (started, mut accepted) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_millis(2500) {
        let sent = api.post("/orders").json(&order(on(2)));
        accepted += u64::from(status(sent).await == StatusCode::ACCEPTED);
    }
    let most = started.elapsed().as_secs() + 1;
    assert!(
        (2..=most).contains(&accepted),
        "{accepted} of at most {most}"
    );

    // The other partition and aggregates that may exist are served as before.
    for _ in 0..20 {
        let new = api.post("/orders").json(&order(on(0)));
        assert_eq!(status(new).await, StatusCode::ACCEPTED);
        let past = api
            .post("/past-orders")
            .json(&purchase(&Uuid::now_v7().to_string()));
        assert_eq!(status(past).await, StatusCode::ACCEPTED);
        let cancel = api.post(&format!("/orders/{}/cancel", on(3)));
        let cancel = cancel.json(&json!({"reason": "changed my mind"}));
        assert_eq!(status(cancel).await, StatusCode::ACCEPTED);
        let known = api.post("/orders").json(&order(on(3)));
        let known = known.header("factline-expected-version", "1");
        assert_eq!(status(known).await, StatusCode::ACCEPTED);
    }

    // A command that demands a new aggregate is refused on every route.
    let mut refused = 0;
    for _ in 0..5 {
        let cancel = api.post(&format!("/orders/{}/cancel", on(5)));
        let cancel = cancel.json(&json!({"reason": "changed my mind"}));
        let cancel = cancel.header("factline-expected-version", "0");
        refused += u32::from(status(cancel).await == StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(refused > 0, "all are accepted");

    // As soon as the handler has committed without the mark, all commands pass.
    commit(&kafka, 1..2, false);
    let started = Instant::now();
    let mut in_a_row = 0;
    while in_a_row < 5 {
        let sent = api.post("/orders").json(&order(on(1)));
        let is_accepted = status(sent).await == StatusCode::ACCEPTED;
        in_a_row = if is_accepted { in_a_row + 1 } else { 0 };
        assert!(started.elapsed() < PATIENCE, "partition 1 is still refused");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    place_until(&api, 4, StatusCode::SERVICE_UNAVAILABLE).await;
}
