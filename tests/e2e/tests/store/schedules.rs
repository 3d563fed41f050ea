//! Schedules that send commands of the store: over HTTP, and over crashes of the processes that
//! decide and send them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use checker::History;
use factline::{Timestamp, id};
use harness::collect::judge;
use harness::{Layout, System, eventually, instance};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Client, Ended};
use crate::tool;

/// A request that creates another product each time.
fn tea() -> Value {
    let price = json!({"amount": 450, "currency": "EUR"});
    json!({"method": "POST", "path": "/products",
        "body": {"name": "Tea", "brand": "Leaf", "price": price}})
}

/// A schedule that occurs each second.
fn each_second(missed: &str, request: &Value) -> Value {
    json!({"rule": {"cron": "* * * * * *", "time_zone": "Europe/Berlin"}, "missed": missed,
        "missed_after_seconds": 1, "request": request})
}

fn schedule_id(ended: &Ended) -> String {
    ended.resource.rsplit('/').next().unwrap().to_owned()
}

async fn found(store: &Client, path: &str) -> Value {
    store.get(path, &[]).await.json().await.unwrap()
}

/// Waits until a schedule has sent this number of commands, and returns it.
async fn after_runs(store: &Client, path: &str, runs: i64) -> Value {
    eventually("the schedule runs", async || {
        Ok(found(store, path).await["runs"].as_i64() >= Some(runs))
    })
    .await
    .unwrap();
    found(store, path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_sends_a_command_whose_operation_derives_from_the_instant() {
    let system = System::start("schedules").await.unwrap();
    let store = Client::of(&system);
    let created = store
        .complete("/schedules", &each_second("skip", &tea()))
        .await;
    assert_eq!(created.operation["state"], "completed");
    let path = format!("/{}", created.resource);
    let schedule = store.read(&path, &created).await;
    assert_eq!(
        (&schedule["command"], &schedule["target_id"]),
        (&json!("catalog.CreateProduct"), &json!(null))
    );
    after_runs(&store, &path, 2).await;

    let paused = store.complete(&format!("{path}/pause"), &json!({})).await;
    let schedule = store.read(&path, &paused).await;
    assert_eq!(
        (&schedule["state"], &schedule["next_at"]),
        (&json!("paused"), &json!(null))
    );
    assert!(schedule["last_lateness_ms"].as_i64() >= Some(0));
    let last_at: Timestamp = schedule["last_at"].as_str().unwrap().parse().unwrap();
    let operation = id::occurrence(&schedule_id(&created), last_at);
    assert_eq!(schedule["last_operation"], operation.to_string());
    let operation = store.follow(&format!("/operations/{operation}")).await;
    assert_eq!(
        (&operation["name"], &operation["state"]),
        (&json!("catalog.CreateProduct"), &json!("completed"))
    );
    let product = format!("/{}", operation["resource"].as_str().unwrap());
    assert_eq!(found(&store, &product).await["name"], "Tea");
    let listed = found(&store, "/schedules?state=paused").await;
    assert_eq!(listed["items"][0]["schedule_id"], schedule["schedule_id"]);

    let run = store.complete(&format!("{path}/run"), &json!({})).await;
    let ran = store.read(&path, &run).await;
    assert_eq!(ran["state"], "paused");
    assert_eq!(ran["runs"], schedule["runs"].as_i64().unwrap() + 1);
    let asked: Uuid = run.operation["id"].as_str().unwrap().parse().unwrap();
    let operation = id::requested_run(asked);
    assert_eq!(ran["last_operation"], operation.to_string());
    let operation = store.follow(&format!("/operations/{operation}")).await;
    assert_eq!(operation["state"], "completed");

    let resumed = store.complete(&format!("{path}/resume"), &json!({})).await;
    let resumed = store.read(&path, &resumed).await;
    assert_eq!(resumed["state"], "active");
    after_runs(&store, &path, ran["runs"].as_i64().unwrap() + 1).await;
    let deleted = store.send(Method::DELETE, &path, None, String::new()).await;
    assert_eq!(deleted.status(), StatusCode::ACCEPTED);
    let location = deleted.headers()["location"].to_str().unwrap();
    assert_eq!(store.follow(location).await["state"], "completed");
    eventually("the schedule is gone", async || {
        Ok(store.get(&path, &[]).await.status() == StatusCode::NOT_FOUND)
    })
    .await
    .unwrap();
    judge(&system, &History::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_holds_no_command_that_the_store_refuses() {
    let system = System::start("scheduled").await.unwrap();
    let store = Client::of(&system);
    let request = json!({"method": "PUT", "path": format!("/products/{}/price", Uuid::nil()),
        "body": {"price": {"amount": "much", "currency": "EUR"}}});
    let refused = store
        .post("/schedules", &each_second("skip", &request))
        .await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(
        problem["errors"][0]["pointer"], "/request/body/price/amount",
        "{problem}"
    );
    for (rule, code) in [
        (json!({"cron": "61 * * * *"}), "invalid_cron"),
        (
            json!({"cron": "* * * * *", "time_zone": "Mars/Olympus"}),
            "unknown_time_zone",
        ),
        (json!({"at": "2020-01-01T00:00:00Z"}), "never_occurs"),
    ] {
        let body = json!({"rule": rule, "request": tea()});
        let ended = store.complete("/schedules", &body).await;
        assert_eq!(ended.operation["code"], code);
    }
}

/// The instants of a schedule in the log, in order: those that ran and those that were skipped.
#[derive(Debug, Default)]
struct Instants {
    ran: Vec<i64>,
    late: usize,
    skipped: Vec<(i64, i64, i64)>,
    /// The second after the last that was decided.
    next: Option<i64>,
}

const SECOND: i64 = 1_000_000;

impl Instants {
    /// Adds the instants from one to another, which must follow the last.
    fn follow(&mut self, first: i64, last: i64) {
        assert_eq!(*self.next.get_or_insert(first), first, "a gap or a repeat");
        self.next = Some(last + SECOND);
    }

    fn of(history: &History, schedule: &str) -> Self {
        let mut instants = Self::default();
        let log = history.log("scheduling.schedule").unwrap();
        for event in log
            .events
            .iter()
            .filter(|event| event.subject() == schedule)
        {
            let (record, value) = (
                event.envelope.as_ref().unwrap().record.as_str(),
                event.value.as_ref().unwrap(),
            );
            let number = |field: &str| value[field].as_i64().unwrap();
            match record {
                "scheduling.OccurrenceDue" => {
                    let at = number("occurrence");
                    instants.follow(at, at);
                    instants.ran.push(at);
                    instants.late += usize::from(number("decided_at") - at > SECOND);
                }
                "scheduling.OccurrencesSkipped" => {
                    let skipped = (number("first"), number("last"), number("count"));
                    assert_eq!((skipped.1 - skipped.0) / SECOND + 1, skipped.2);
                    instants.follow(skipped.0, skipped.1);
                    instants.skipped.push(skipped);
                }
                _ => {}
            }
        }
        instants
    }
}

/// Kills handlers and policies around occurrences, and once all handlers for some seconds.
#[tokio::test(flavor = "multi_thread")]
async fn occurrences_have_one_effect_each_over_crashes_and_downtime() {
    let layout = Layout {
        instances: BTreeMap::from([("command-handlers", 2), ("policies", 2)]),
        ..Layout::default()
    };
    let system = System::start_alone_in("occurrences", layout).await.unwrap();
    let store = Client::of(&system);
    let mut schedules = BTreeMap::new();
    for missed in ["run", "skip", "last"] {
        let created = store
            .complete("/schedules", &each_second(missed, &tea()))
            .await;
        schedules.insert(missed, created);
    }
    let path = |missed: &str| format!("/{}", schedules[missed].resource);
    let of = |service: &str, number| instance(service, number);
    after_runs(&store, &path("run"), 2).await;
    for number in [1, 2] {
        for service in ["command-handlers", "policies"] {
            let name = of(service, number);
            system.kill(&name).unwrap();
            system.spawn(&name).unwrap();
        }
        let runs = found(&store, &path("run")).await["runs"].as_i64().unwrap();
        after_runs(&store, &path("run"), runs + 3).await;
    }
    // Downtime: longer than an occurrence may be late.
    let before = found(&store, &path("run")).await["runs"].as_i64().unwrap();
    for number in [1, 2] {
        system.kill(&of("command-handlers", number)).unwrap();
    }
    let down = Instant::now();
    eventually("the downtime lasts", async || {
        Ok(down.elapsed() > Duration::from_secs(5))
    })
    .await
    .unwrap();
    for number in [1, 2] {
        system.spawn(&of("command-handlers", number)).unwrap();
    }
    after_runs(&store, &path("run"), before + 5).await;
    for created in schedules.values() {
        let path = format!("/{}", created.resource);
        let deleted = store.send(Method::DELETE, &path, None, String::new()).await;
        let location = deleted.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(store.follow(&location).await["state"], "completed");
    }
    let history = judge(&system, &History::default()).await.unwrap();
    // The records say how late each occurrence was decided.
    let arguments = ["decide", "--dry-run", "--type", "scheduling.schedule"];
    let (equal, report) = tool::run(&system, &arguments).await;
    assert!(equal, "{report}");

    // Each occurrence that ran has one effect: a product, by the operation of the occurrence.
    let mut expected: Vec<Uuid> = Vec::new();
    for (missed, created) in &schedules {
        let id = schedule_id(created);
        let instants = Instants::of(&history, &id);
        println!("{missed}: {instants:?}");
        match *missed {
            "run" => assert!(instants.late > 0 && instants.skipped.is_empty()),
            "skip" => assert!(instants.late == 0 && !instants.skipped.is_empty()),
            _ => assert!(!instants.skipped.is_empty()),
        }
        let operation = |at: &i64| {
            let at = Timestamp::from_timestamp_micros(*at).unwrap();
            id::occurrence(&id, at)
        };
        expected.extend(instants.ran.iter().map(operation));
    }
    expected.sort();
    let products = history.log("catalog.product").unwrap();
    let events = products.events.iter();
    let mut made: Vec<Uuid> = events.map(|event| event.operation).collect();
    made.sort();
    assert_eq!(made, expected);
}
