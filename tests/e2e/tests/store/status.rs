//! `factline status` on a whole store: first everything runs, then processes are gone.

use std::process::Output;
use std::time::Duration;

use factline_testkit::found;
use harness::System;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::tool::tool;

/// Maximum time to drain a process.
const DRAIN: Duration = Duration::from_secs(30);

/// Returns the command with the addresses of everything.
fn status_command(system: &System) -> tokio::process::Command {
    let services: Vec<String> = system.names().map(|name| system.address(name)).collect();
    let mut command = tool(system);
    command
        .arg("status")
        .args(["--database-url", &system.database_url("factline")])
        .args(["--service", &services.join(",")]);
    command
}

async fn run(system: &System, arguments: &[&str]) -> Output {
    status_command(system)
        .args(arguments)
        .output()
        .await
        .unwrap()
}

async fn status(system: &System) -> (bool, Value) {
    let Output { status, stdout, .. } = run(system, &["--json"]).await;
    (status.success(), serde_json::from_slice(&stdout).unwrap())
}

/// Returns the element of a list whose field has this value.
fn one<'v>(list: &'v Value, field: &str, value: &str) -> &'v Value {
    let mut elements = list.as_array().unwrap().iter();
    let found = elements.find(|element| element[field] == value);
    found.unwrap_or_else(|| panic!("no {field} {value} in {list}"))
}

fn order(customer: &str) -> Value {
    let price = json!({"amount": 500, "currency": "USD"});
    let line = json!({"product_id": "tea", "name": "Tea", "unit_price": price, "quantity": 1});
    json!({"customer_id": customer, "lines": [line]})
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_processes_lag_and_what_is_unavailable() {
    let system = System::start("status").await.unwrap();
    let store = Client::of(&system);
    let placed = store.complete("/orders", &order("ada")).await;
    store.read(&format!("/{}", placed.resource), &placed).await;

    // Everything runs and is idle.
    let handlers = format!("{}handler.ordering.order", system.prefix);
    let idle = found("a store without lag", async || {
        let (complete, status) = status(&system).await;
        assert!(complete, "{status}");
        let views = status["views"].as_array().unwrap().iter();
        let mut lags = views.chain(status["kafka"]["aggregates"].as_array().unwrap());
        lags.all(|part| part["lag_records"] == 0 && part["lag_seconds"] == 0.0)
            .then_some(status)
    })
    .await;
    let group = one(&idle["kafka"]["groups"], "group", &handlers);
    assert_eq!(
        (&group["state"], &group["lag_records"]),
        (&json!("Stable"), &json!(0))
    );
    let member = &group["members"][0];
    assert_eq!(member["instance"], "command-handlers-1", "{group}");
    assert_eq!(member["host"], "127.0.0.1");
    assert_eq!(member["partitions"], 8);
    let orders = one(&idle["kafka"]["aggregates"], "aggregate", "ordering.order");
    assert_eq!(orders["dead_letters"], json!({"open": 0, "all": 0}));
    assert_eq!(orders["halted"], 0, "{orders}");
    assert_eq!(orders["partitions"].as_array().unwrap().len(), 8);
    assert_eq!(one(&idle["views"], "view", "orders")["halted"], 0);
    one(&idle["views"], "view", "operations-tracker");
    for name in system.names() {
        assert_eq!(one(&idle["services"], "service", name)["ready"], true);
    }

    // An order is decided and not projected. A command of another order is not even decided.
    system.stop("projectors", DRAIN).await.unwrap();
    store.complete("/orders", &order("bob")).await;
    system.stop("command-handlers", DRAIN).await.unwrap();
    let accepted = store.post("/orders", &order("eve")).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let behind = found("the lag", async || {
        let (complete, status) = status(&system).await;
        assert!(!complete, "two services are gone: {status}");
        let orders = one(
            &status["kafka"]["aggregates"],
            "aggregate",
            "ordering.order",
        );
        let view = one(&status["views"], "view", "orders");
        let is_behind = |part: &Value| part["lag_seconds"].as_f64() > Some(0.0);
        (is_behind(orders) && is_behind(view)).then_some(status)
    })
    .await;
    let orders = one(
        &behind["kafka"]["aggregates"],
        "aggregate",
        "ordering.order",
    );
    assert_eq!(orders["lag_records"], 1, "{orders}");
    let partitions = orders["partitions"].as_array().unwrap().iter();
    let waiting: Vec<_> = partitions.filter(|it| it["lag_records"] == 1).collect();
    assert_eq!(waiting.len(), 1, "{orders}");
    let gone = one(&behind["services"], "url", &system.address("projectors"));
    assert!(gone["unavailable"].is_string(), "{gone}");

    let shown = run(&system, &[]).await;
    assert_eq!(shown.status.code(), Some(1));
    let error = String::from_utf8(shown.stderr).unwrap();
    assert!(error.contains("incomplete"), "{error}");
    assert!(error.contains(&system.address("projectors")), "{error}");
    let screen = String::from_utf8(shown.stdout).unwrap();
    for heading in ["GROUP ", "AGGREGATE ", "PARTITION ", "VIEW ", "SERVICE "] {
        assert!(
            screen.contains(&format!("\n{heading}")) || screen.starts_with(heading),
            "{screen}"
        );
    }
    let partition = format!("ordering.order/{}", waiting[0]["partition"]);
    assert!(screen.contains(&partition), "{screen}");

    // A dead letter, once the handlers run again.
    system.spawn("command-handlers").unwrap();
    let kafka = system.kafka();
    let fixture = factline_testkit::Fixture::on(system.servers, "status");
    let (operation, order) = (Uuid::now_v7(), Uuid::new_v4().to_string());
    let envelope = factline::Envelope::of_command(
        operation,
        "ordering.ShipOrder",
        "/test",
        &order,
        std::time::SystemTime::now().into(),
    );
    let topic = format!("{}ordering.order.commands", kafka.topic_prefix);
    fixture
        .append(&topic, 0, &order, &envelope.to_headers(), b"poison")
        .await;
    found("the dead letter", async || {
        let (_, status) = status(&system).await;
        let orders = one(
            &status["kafka"]["aggregates"],
            "aggregate",
            "ordering.order",
        );
        (orders["dead_letters"]["open"] == 1 && orders["lag_records"] == 0).then_some(())
    })
    .await;
}
