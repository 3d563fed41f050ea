//! A store that moves to topics with eight times as many partitions, and back.

use std::collections::BTreeMap;

use factline_dev_servers::Servers;
use harness::quiescence::{until_followed, until_quiescent};
use harness::{Layout, System};
use serde_json::{Value, json};

use crate::backup::{
    PATIENCE, assert_same, contents, events, fill, keyed_order, order, quick, stop_all,
};
use crate::client::{Client, Ended};
use crate::tool::run;

/// Returns the events without their places: the partition, and the number there.
async fn events_anywhere(system: &System) -> BTreeMap<String, Value> {
    let mut events = events(system).await;
    for event in events.values_mut() {
        let event = event.as_object_mut().unwrap();
        assert!(event.remove("partition_sequence").is_some(), "{event:?}");
    }
    events
}

/// Returns the rows of a run of the tool by the name of their topic.
fn by_topic(text: &str) -> BTreeMap<String, Value> {
    let rows = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        (row["topic"].as_str().unwrap().to_owned(), row)
    });
    rows.collect()
}

async fn start_again(system: &System) {
    let names: Vec<String> = system.names().map(ToOwned::to_owned).collect();
    for name in &names {
        system.spawn(name).unwrap();
    }
    system.ready().await.unwrap();
}

/// Sends orders and a checkout, and ships an order from before.
async fn work(client: &Client, seen: &Ended) {
    for number in 0..4 {
        let placed = client.complete("/orders", &order("new", number + 1)).await;
        assert_eq!(placed.operation["state"], "completed");
        let ship = format!("/{}/ship", placed.resource);
        client.complete(&ship, &json!({})).await;
    }
    // A process goes through the policies.
    let line = json!({"product_id": "cup", "name": "cup", "quantity": 1,
        "unit_price": {"amount": 700, "currency": "EUR"}});
    let checkout = json!({"customer_id": "ada", "method": "card-ok", "payment_seconds": 60,
        "lines": [line]});
    let paid = client.complete("/checkouts", &checkout).await;
    assert_eq!(paid.operation["state"], "completed", "{}", paid.operation);
    // An order from before is shipped after.
    let ship = format!("/{}/ship", seen.resource);
    let shipped = client.complete(&ship, &json!({})).await;
    assert_eq!(
        shipped.operation["state"], "completed",
        "{}",
        shipped.operation
    );
    assert_eq!(shipped.operation["version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn store_grows_to_64_partitions_and_can_go_back() {
    let servers = tokio::task::spawn_blocking(Servers::shared).await.unwrap();
    let store = System::on(servers, "narrow", quick()).await.unwrap();
    let wide = Layout {
        topic_partitions: vec![("ordering.order", 64)],
        ..quick()
    };
    let wide = System::at_rest(servers, "wide", wide).unwrap();
    let client = Client::of(&store);
    let operation = fill(&store).await;
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("copy.json");
    let copy = [
        "--json",
        "copy",
        "--to",
        &wide.prefix,
        "--partitions",
        "ordering.order=64",
        "--manifest",
        manifest.to_str().unwrap(),
    ];
    let database = wide.database_url("factline");
    let cut_over = [&copy[..], &["--cut-over", "--database-url", &database]].concat();
    let orders = format!("{}ordering.order.events", store.prefix);

    // The store works while most of it is copied.
    let (done, text) = run(&store, &copy).await;
    assert!(done, "{text}");
    let first = by_topic(&text)[&orders]["new"].as_u64().unwrap();
    assert!(first >= 12, "{text}");
    let seen = client.complete("/orders", &order("later", 77)).await;
    until_quiescent(&store, PATIENCE).await.unwrap();
    let (done, text) = run(&store, &[&cut_over[..], &["--wait", "0"]].concat()).await;
    assert!(!done && text.contains("must be stopped first"), "{text}");

    store.stop("command-handlers", PATIENCE).await.unwrap();
    let accepted = client.post("/orders", &order("late", 4200)).await;
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    until_followed(&store, PATIENCE).await.unwrap();
    let before = contents(&store).await;
    let running = store.names().filter(|name| *name != "command-handlers");
    for name in running {
        store.stop(name, PATIENCE).await.unwrap();
    }
    let events_before = events_anywhere(&store).await;
    wide.copy_database_of(&store).await.unwrap();
    let (done, text) = run(&store, &cut_over).await;
    assert!(done, "{text}");
    let rows = by_topic(&text);
    assert_eq!(rows[&orders]["new"], 1, "only the rest was copied: {text}");
    assert_eq!(rows[&orders]["records"], first + 1);
    assert_eq!(rows[&orders]["partitions"], 64);
    let commands = format!("{}ordering.order.commands", store.prefix);
    assert_eq!(
        rows[&commands]["records"], 1,
        "the undecided command: {text}"
    );

    let roll_back = [&copy[..], &["--roll-back"]].concat();
    let (done, text) = run(&store, &roll_back).await;
    assert!(done, "nothing is lost yet: {text}");

    // The processes go on in the copy.
    wide.begin().await.unwrap();
    let client = Client::of(&wide);
    let late = client.follow(&location).await;
    assert_eq!(late["state"], "completed", "{late}");
    until_quiescent(&wide, PATIENCE).await.unwrap();
    assert_same(&before, contents(&wide).await);
    let mut events_after = events_anywhere(&wide).await;
    events_after.retain(|id, _| events_before.contains_key(id));
    assert_eq!(events_after, events_before);
    // Positions from before are satisfied, and a decided command is not decided again.
    client.read(&format!("/{}", seen.resource), &seen).await;
    assert_eq!(keyed_order(&wide).await, operation);
    work(&client, &seen).await;
    until_quiescent(&wide, PATIENCE).await.unwrap();
    let none: Vec<String> = Vec::new();
    assert_eq!(wide.findings().await.unwrap(), none);
    let (done, text) = run(&store, &cut_over).await;
    assert!(
        !done,
        "records of the new processes are not overwritten: {text}"
    );

    // The old processes go on where they were.
    stop_all(&wide).await;
    let (done, text) = run(&store, &roll_back).await;
    assert!(!done && text.contains("would be lost"), "{text}");
    start_again(&store).await;
    until_quiescent(&store, PATIENCE).await.unwrap();
    assert_same(&before, contents(&store).await);
}
