//! Events, histories and states.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use uuid::Uuid;

use crate::stage::Stage;
use factline_testkit::found;

const X: &str = "ordering.order";

#[tokio::test(flavor = "multi_thread")]
async fn order_is_shown_in_its_current_and_past_states() {
    let stage = Stage::with_handler("seen").await;
    let (order, other) = (Uuid::new_v4(), Uuid::new_v4());
    let id = order.to_string();
    let mut follower = stage.start(&["--format", "json", "events", X, "--key", &id, "--follow"]);
    let placed = stage.place(order).await;
    stage.place(other).await;
    stage.ship(order).await;

    // The follower prints existing and new events, each as it arrives.
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    for version in [1, 2] {
        let line = lines.next_line().await.unwrap().unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["version"], version, "{event}");
    }
    follower.kill().await.unwrap();

    let all = found("three events", async || {
        let events = stage.json(&["events", X]).await;
        (events.len() == 3).then_some(events)
    })
    .await;
    assert!(all.iter().all(|event| event["data"].is_object()), "{all:?}");
    let mine = stage.json(&["events", X, "--key", &id]).await;
    assert_eq!(mine.len(), 2);
    assert_eq!(mine[0]["type"], "ordering.OrderPlaced");
    assert_eq!(mine[0]["data"]["total"]["amount"], 1000);
    assert_eq!(stage.json(&["events", X, "--since", "1h"]).await.len(), 3);
    assert_eq!(stage.json(&["events", X, "--until", "1h"]).await.len(), 0);
    let table = stage.run(&["events", X, "--key", &id]).await;
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 3, "a heading and two events: {table:?}");
    let heading: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(heading, ["TIME", "KEY", "VERSION", "TYPE", "ACTOR", "DATA"]);
    for (name, cell) in [("KEY", id.as_str()), ("TYPE", "ordering.OrderPlaced")] {
        assert_eq!(lines[0].find(name), lines[1].find(cell), "{table:?}");
    }
    let none = stage.run(&["events", X, "--key", "missing"]).await;
    assert_eq!(none.out, format!("{}\n", heading.join("  ")), "{none:?}");
    assert!(
        table.out.contains("ordering.OrderShipped  eve"),
        "{table:?}"
    );

    let history = stage.json(&["history", &id]).await;
    assert_eq!(history.len(), 2);
    assert_eq!(history[0]["actor"], "eve");
    assert_eq!(history[0]["operation"], placed.to_string());
    assert_eq!(history[0]["command"]["type"], "ordering.PlaceOrder");
    assert_eq!(history[0]["command"]["data"]["customer_id"], "eve");
    let table = stage.run(&["history", &id, "--type", X]).await;
    assert!(table.out.starts_with("VERSION"), "{table:?}");
    assert!(table.out.contains("ordering.ShipOrder"), "{table:?}");

    let now = &stage.json(&["state", X, &id]).await[0];
    assert_eq!((&now["version"], &now["type"]), (&json!(2), &json!(X)));
    assert_eq!(now["state"]["Shipped"]["bought"]["customer_id"], "eve");
    let then = &stage.json(&["state", X, &id, "--version", "1"]).await[0];
    assert_eq!(then["state"]["Placed"]["bought"]["units"], 2);
    let at = mine[0]["time"].as_str().unwrap();
    let before = &stage.json(&["state", X, &id, "--at", "2020-01-01"]).await[0];
    assert_eq!(before["state"], "Unplaced");
    assert_eq!(stage.json(&["state", X, &id, "--at", at]).await.len(), 1);

    let beyond = stage.run(&["state", X, &id, "--version", "3"]).await;
    assert!(
        !beyond.success && beyond.err.contains("no version 3"),
        "{beyond:?}"
    );
    let missing = stage.run(&["history", "missing"]).await;
    assert!(
        !missing.success && missing.err.contains("no events of"),
        "{missing:?}"
    );
}

/// A partition that a handler writes ends with the marker of a transaction, which is no record. The
/// broker would hold back the answer that says so for as long as the client allows.
#[tokio::test(flavor = "multi_thread")]
async fn ends_of_partitions_are_reached_without_waiting_for_records() {
    let stage = Stage::with_handler("ends").await;
    let order = Uuid::new_v4();
    let id = order.to_string();
    stage.place(order).await;
    found("the event", async || {
        (stage.json(&["events", X]).await.len() == 1).then_some(())
    })
    .await;
    let wait = Duration::from_secs(20);
    let property = format!("fetch.wait.max.ms={}", wait.as_millis());
    let begun = Instant::now();
    for command in [&["history", &id][..], &["state", X, &id], &["events", X]] {
        let arguments = [command, &["--kafka-properties", &property]].concat();
        assert_eq!(stage.json(&arguments).await.len(), 1, "{command:?}");
    }
    let took = begun.elapsed();
    assert!(
        took < wait,
        "three commands took {took:?}, one wait or more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_event_is_shown_as_such() {
    let stage = Stage::with_topics("odd").await;
    let order = Uuid::new_v4();
    let envelope = Stage::envelope(Uuid::now_v7(), "ordering.OrderPlaced", order);
    stage
        .append(stage.topics.events(), &envelope, b"poison")
        .await;
    let events = stage.json(&["events", X]).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["bytes"], "cG9pc29u");
    let why = events[0]["undecodable"].as_str().unwrap();
    assert!(why.contains("magic"), "{why}");
    let table = stage.run(&["events", X]).await;
    assert!(table.out.contains("CANNOT BE DECODED"), "{table:?}");

    let folded = stage.run(&["state", X, &order.to_string()]).await;
    assert!(
        !folded.success && folded.err.contains("has version 0, expected 1"),
        "{folded:?}"
    );
    let nowhere = stage.run(&["events", "ordering.nothing"]).await;
    assert!(
        !nowhere.success && nowhere.err.contains("does not exist"),
        "{nowhere:?}"
    );
}
