//! Tests with real servers: the records in the log after a 202, and the edge's responses when Kafka
//! or the registry is unavailable or misconfigured.

#![expect(clippy::unwrap_used, reason = "a test")]

mod capacity;
mod keyed;
mod process;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser as _;
use factline::{Messages as _, id};
use factline_dev_servers::Servers;
use factline_kafka::topics::{partition_of, subject};
use factline_kafka::{KafkaConfig, Record, Registry, records::framing};
use ordering_schemas::{ORDER, order};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::{CommandApi, header};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(clap::Parser)]
struct Config {
    #[command(flatten)]
    kafka: KafkaConfig,
}

/// Returns the Kafka options for the servers, under the test's own prefix.
fn kafka(servers: &Servers, prefix: &str) -> KafkaConfig {
    let brokers = servers.kafka.brokers();
    let args = [
        "test",
        "--kafka-brokers",
        &brokers,
        "--topic-prefix",
        prefix,
    ];
    Config::try_parse_from(args).unwrap().kafka
}

/// Creates every aggregate's commands topic. The topic of orders gets `partitions` partitions.
async fn make_topics(kafka: &KafkaConfig, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = kafka.client_config().create().unwrap();
    let names = contracts::ALL
        .iter()
        .map(|contract| (kafka.topics(contract).commands().to_owned(), contract));
    for (name, contract) in names.collect::<Vec<_>>() {
        let partitions = if contract.aggregate == ORDER.aggregate {
            partitions
        } else {
            contract.partitions
        };
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        let made = admin.create_topics(&[topic], &AdminOptions::new()).await;
        made.unwrap()[0].as_ref().unwrap();
    }
}

/// Returns the record at `topic/partition@offset`.
fn record_at(kafka: &KafkaConfig, place: &str) -> Record {
    let (rest, offset) = place.rsplit_once('@').unwrap();
    let (topic, partition) = rest.rsplit_once('/').unwrap();
    let mut config = kafka.client_config();
    config
        .set("group.id", "test")
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut assigned = TopicPartitionList::new();
    let offset = Offset::Offset(offset.parse().unwrap());
    assigned
        .add_partition_offset(topic, partition.parse().unwrap(), offset)
        .unwrap();
    consumer.assign(&assigned).unwrap();
    let message = consumer.poll(Duration::from_secs(20)).unwrap().unwrap();
    Record::from(&message)
}

/// Returns the hint in `Location`.
fn place(location: &str) -> String {
    let (_, hint) = location.split_once("?at=").unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(hint).unwrap()).unwrap()
}

fn purchase(source: &str) -> Value {
    json!({
        "customer_id": "zoe-zhukov", "source": source, "ordered_on": "1997-01-31", "quantity": 2,
        "total": {"amount": 2933, "currency": "USD"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_command_is_in_the_log() {
    let (servers, prefix) = (Servers::shared(), "accepted.");
    let kafka = kafka(servers, prefix);
    make_topics(&kafka, ORDER.partitions).await;
    let api = CommandApi::ready(servers, prefix, &[]).await;

    let request = api.post("/past-orders").json(&purchase("list:1"));
    let response = request.header("traceparent", TRACE).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let order = id::aggregate("ordering.order", "list:1").to_string();
    let operation = header(&response, "x-operation");
    let operation = operation.strip_prefix("operations/").unwrap().to_owned();
    assert_eq!(Uuid::parse_str(&operation).unwrap().get_version_num(), 7);
    assert_eq!(header(&response, "x-resource"), format!("orders/{order}"));
    assert_eq!(header(&response, "retry-after"), "1");
    let location = header(&response, "location");
    assert!(location.starts_with(&format!("/operations/{operation}?at=")));
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["operation"]["id"], operation);
    assert_eq!(body["resource"]["href"], format!("/orders/{order}"));

    let record = record_at(&kafka, &place(&location));
    assert_eq!(record.topic, "accepted.ordering.order.commands");
    assert_eq!(record.key.as_deref(), Some(order.as_bytes()));
    assert_eq!(
        record.partition,
        partition_of(order.as_bytes(), ORDER.partitions)
    );
    let envelope = record.envelope().unwrap();
    assert_eq!(envelope.id.to_string(), operation);
    assert_eq!(
        (envelope.operation, envelope.correlation, envelope.causation),
        (envelope.id, envelope.id, envelope.id)
    );
    assert_eq!(envelope.record, "ordering.RecordPastOrder");
    assert_eq!(envelope.source, "/command-api");
    assert_eq!(envelope.subject, order);
    assert_eq!(envelope.actor, "anonymous");
    assert_eq!(envelope.traceparent.as_deref(), Some(TRACE));
    let (schema, datum) = framing::read(record.value.as_deref().unwrap()).unwrap();
    let codec = Registry::new(&servers.registry.url())
        .codec(schema)
        .await
        .unwrap();
    let command = order::Command::decode(&envelope.record, &codec, datum).unwrap();
    let order::Command::RecordPastOrder(command) = command else {
        panic!("{command:?}")
    };
    assert_eq!(command.order_id.to_string(), order);
    assert_eq!((command.quantity, command.total.amount), (2, 2933));

    let log = api.logs("accepted a command");
    assert!(
        log.contains(&operation) && !log.contains("zoe-zhukov"),
        "{log}"
    );
    let counted = r#"factline_commands_accepted_total{service="command-api",command="ordering.RecordPastOrder"} 1"#;
    let metrics = api.metrics().await;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_commands_each_have_their_own_offset() {
    let (servers, prefix) = (Servers::shared(), "many.");
    make_topics(&kafka(servers, prefix), ORDER.partitions).await;
    // All are in progress at once, whatever the number of cores.
    let limit = ["--max-requests", "300"];
    let api = CommandApi::ready(servers, prefix, &limit).await;
    let requests: Vec<_> = (0..300)
        .map(|number| {
            let request = api.post("/past-orders");
            let request = request.json(&purchase(&format!("list:{number}")));
            tokio::spawn(async move {
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), StatusCode::ACCEPTED);
                place(&header(&response, "location"))
            })
        })
        .collect();
    let mut places = std::collections::HashSet::new();
    for request in requests {
        assert!(places.insert(request.await.unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edge_is_not_ready_until_the_topic_exists() {
    let (servers, prefix) = (Servers::shared(), "late.");
    let api = CommandApi::start(servers, prefix, &[]);
    let reason = ".commands does not exist";
    api.readiness(|body| body["reasons"].to_string().contains(reason))
        .await;
    make_topics(&kafka(servers, prefix), ORDER.partitions).await;
    api.readiness(|body| body["ready"] == true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edge_does_not_start_with_another_partition_count() {
    let (servers, prefix) = (Servers::shared(), "fewer.");
    make_topics(&kafka(servers, prefix), 3).await;
    let mut api = CommandApi::start(servers, prefix, &[]);
    api.logs("topic fewer.ordering.order.commands has 3 partitions, but its contract requires 8");
    assert_eq!(api.end(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn edge_does_not_start_with_an_incompatible_schema() {
    let (servers, prefix) = (Servers::shared(), "other.");
    let kafka = kafka(servers, prefix);
    make_topics(&kafka, ORDER.partitions).await;
    let subject = subject(kafka.topics(&ORDER).commands(), "ordering.ShipOrder");
    let url = format!("{}/subjects/{subject}/versions", servers.registry.url());
    let earlier = r#"{"type": "record", "name": "ordering.ShipOrder", "fields": [
        {"name": "order_id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "carrier", "type": "string"}]}"#;
    let registered = reqwest::Client::new()
        .post(url)
        .json(&json!({"schema": earlier}))
        .send()
        .await
        .unwrap();
    assert!(registered.status().is_success());
    let mut api = CommandApi::start(servers, prefix, &[]);
    let log = api.logs("incompatible");
    assert!(log.contains(&subject), "{log}");
    assert!(log.contains("carrier"), "{log}");
    assert_eq!(api.end(), Some(1));
}

/// This is one test, because it breaks its servers several times and they take seconds to start.
#[tokio::test(flavor = "multi_thread")]
async fn edge_refuses_commands_while_brokers_are_unavailable() {
    let servers = Servers::throwaway().unwrap();
    make_topics(&kafka(&servers, ""), ORDER.partitions).await;
    let api = CommandApi::ready(&servers, "", &["--append-timeout-ms", "1500"]).await;
    accepts(&api).await;

    servers.kafka.pause().unwrap();
    // The command was sent on an open connection, so it is unknown whether it was appended.
    assert_eq!(refuses(&api).await, "unknown");
    servers.kafka.resume().unwrap();
    accepts(&api).await;

    servers.kafka.kill().unwrap();
    // There is no broker to send it to.
    assert_eq!(refuses(&api).await, "not_accepted");
    api.readiness(|body| body["reasons"].to_string().contains("kafka: "))
        .await;
    servers.kafka.start().unwrap();
    api.readiness(|body| body["ready"] == true).await;
    accepts(&api).await;
    drop(api);

    let patient = CommandApi::ready(&servers, "", &["--append-timeout-ms", "8000"]).await;
    ends_after_the_request_under_way(&servers, patient).await;
}

async fn accepts(api: &CommandApi) {
    let request = api.post("/past-orders").json(&purchase("list:1"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
}

/// Checks that the edge refuses in time and names the operation. Returns the reported outcome.
async fn refuses(api: &CommandApi) -> String {
    let started = Instant::now();
    let request = api.post("/past-orders").json(&purchase("list:1"));
    let response = request.send().await.unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&response, "retry-after"), "1");
    let operation = header(&response, "x-operation");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["operation"], operation);
    let log = api.logs("cannot append a command");
    assert!(
        log.contains(operation.trim_start_matches("operations/")),
        "{log}"
    );
    body["outcome"].as_str().unwrap().to_owned()
}

async fn ends_after_the_request_under_way(servers: &Servers, mut api: CommandApi) {
    servers.kafka.pause().unwrap();
    let request = api.post("/past-orders").json(&purchase("list:1"));
    let response = tokio::spawn(request.send());
    api.logs("appending a command");
    api.terminate();
    api.logs("draining");
    servers.kafka.resume().unwrap();
    let response = response.await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(api.end(), Some(0));
}
