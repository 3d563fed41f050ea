//! A store without one of its parts: each row of the table in `docs/operations.md` is tried.

use std::time::{Duration, Instant};

use factline_testkit::eventually;
use harness::{Layout, System};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::client::Client;

const DOCUMENT: &str = include_str!("../../../../docs/operations.md");

/// Time limits of the processes that are shorter than usual, because the test waits for them.
const LIMITS: [(&str, &str); 1] = [("FACTLINE_APPEND_TIMEOUT_MS", "1000")];

/// Maximum time until a missing part is noticed: less than the 30 s after which a host that reaches
/// no broker begins again.
const NOTICED: Duration = Duration::from_secs(25);

/// Maximum time to drain a process.
const DRAIN: Duration = Duration::from_secs(30);

/// Row of the document about one part.
struct Row {
    part: String,
    post: String,
    operation: String,
    earlier_operation: String,
    earlier_order: String,
    checkout: String,
    not_ready: Vec<String>,
}

/// Reads the table of the document.
fn rows() -> Vec<Row> {
    let lines = DOCUMENT.lines();
    let table = lines.skip_while(|line| !line.starts_with("| without |"));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect();
        let [
            part,
            post,
            operation,
            earlier_operation,
            earlier_order,
            checkout,
            not_ready,
        ] = cells.try_into().unwrap();
        let not_ready = not_ready.split(", ").filter(|name| *name != NOTHING);
        Row {
            part,
            post,
            operation,
            earlier_operation,
            earlier_order,
            checkout,
            not_ready: not_ready.map(str::to_owned).collect(),
        }
    })
    .collect()
}

/// A cell that says that there is nothing to see.
const NOTHING: &str = "–";

async fn take_away(system: &System, part: &str) {
    match part {
        "PostgreSQL" => system.servers.postgres.kill().unwrap(),
        "the registry" => system.servers.registry.stop().unwrap(),
        "Kafka" => system.servers.kafka.kill().unwrap(),
        process => system.stop(process, DRAIN).await.unwrap(),
    }
}

/// Brings a part back. The servers' calls block until they answer.
async fn bring_back(system: &System, part: &str) {
    let servers = system.servers;
    match part {
        "PostgreSQL" => block(|| servers.postgres.start()).await,
        "the registry" => block(|| servers.registry.start()).await,
        "Kafka" => block(|| servers.kafka.start()).await,
        process => system.spawn(process).unwrap(),
    }
    system.ready().await.unwrap();
}

async fn block<E: std::fmt::Debug + Send + 'static>(
    start: impl FnOnce() -> Result<(), E> + Send + 'static,
) {
    tokio::task::spawn_blocking(start).await.unwrap().unwrap();
}

/// Waits until the processes of the row are not ready, and all others that run are.
async fn until_noticed(system: &System, row: &Row) {
    let taken = Instant::now();
    for process in system.names().filter(|process| *process != row.part) {
        let ready = !row.not_ready.iter().any(|name| name == process);
        let url = format!("{}/health/ready", system.address(process));
        let what = format!("{process} without {} is ready: {ready}", row.part);
        eventually(&what, async || {
            let answer = reqwest::get(&url).await.unwrap();
            answer.status().is_success() == ready
        })
        .await;
        let took = taken.elapsed();
        eprintln!("{what}, after {:.1} s", took.as_secs_f32());
        assert!(took < NOTICED, "{what}, but only after {took:?}");
    }
}

/// Waits until a read is answered as a cell says: by a status, or by the state of an operation. A
/// connection may break first, while the part goes.
async fn until_answered(store: &Client, row: &Row, path: &str, expected: &str) {
    let mut last = String::new();
    let what = format!("without {}, {path} is answered by {expected}", row.part);
    eventually(&what, async || {
        let answer = store.get(path, &[]).await;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        // A client can tell every answer of a missing part from the others.
        if status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(
                body["type"].is_string() && body["detail"].is_string(),
                "{body}"
            );
        }
        let found = match expected.parse::<u16>() {
            Ok(_) => status.as_u16().to_string(),
            Err(_) => body["state"].as_str().unwrap_or_default().to_owned(),
        };
        if found != last {
            eprintln!(
                "without {}, {path}: {found} ({expected} expected)",
                row.part
            );
            last.clone_from(&found);
        }
        found == expected
    })
    .await;
}

/// Posts a command. Returns its operation if it was accepted.
async fn post(store: &Client, row: &Row, path: &str, body: &Value) -> Option<String> {
    let answer: Response = store.post(path, body).await;
    let status = answer.status().as_u16().to_string();
    let location = answer.headers().get("location").cloned();
    let body = answer.text().await.unwrap();
    assert_eq!(
        status, row.post,
        "without {}, POST {path}: {body}",
        row.part
    );
    (row.post == "202").then(|| location.unwrap().to_str().unwrap().to_owned())
}

fn order() -> Value {
    let price = json!({"amount": 500, "currency": "EUR"});
    let line = json!({"product_id": "tea", "name": "Tea", "unit_price": price, "quantity": 1});
    json!({"customer_id": "ada", "lines": [line]})
}

fn checkout() -> Value {
    let mut checkout = order();
    checkout["method"] = "card-ok".into();
    checkout["payment_seconds"] = 600.into();
    checkout
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_takes_away_only_what_depends_on_it() {
    let environment = LIMITS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let layout = Layout {
        environment: environment.to_vec(),
        ..Layout::default()
    };
    let system = System::start_alone_in("outages", layout).await.unwrap();
    let store = Client::of(&system);
    let placed = store.complete("/orders", &order()).await;
    let earlier_order = format!("/{}", placed.resource);
    store.read(&earlier_order, &placed).await;
    let earlier = placed.operation["id"].as_str().unwrap();
    let earlier = format!("/operations/{earlier}");
    // The schemas of a checkout are read before the registry is gone.
    store.complete("/checkouts", &checkout()).await;

    let rows = rows();
    assert!(rows.len() > 10, "the table is missing");
    for row in &rows {
        eprintln!("--- without {}", row.part);
        take_away(&system, &row.part).await;
        until_noticed(&system, row).await;
        // An answer may take as long as a time limit, so all are requested side by side.
        let (tea, paid_tea) = (order(), checkout());
        let (placed, paid, (), ()) = tokio::join!(
            post(&store, row, "/orders", &tea),
            post(&store, row, "/checkouts", &paid_tea),
            until_answered(&store, row, &earlier, &row.earlier_operation),
            until_answered(&store, row, &earlier_order, &row.earlier_order),
        );
        if let (Some(placed), Some(paid)) = (&placed, &paid) {
            tokio::join!(
                until_answered(&store, row, placed, &row.operation),
                until_answered(&store, row, paid, &row.checkout),
            );
        } else {
            assert_eq!((&*row.operation, &*row.checkout), (NOTHING, NOTHING));
        }
        bring_back(&system, &row.part).await;
        for accepted in [placed, paid].into_iter().flatten() {
            until_answered(&store, row, &accepted, "completed").await;
        }
        let placed = store.complete("/orders", &order()).await;
        store.read(&format!("/{}", placed.resource), &placed).await;
    }
}
