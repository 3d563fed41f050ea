//! The drill: the log of a store is backed up, and restored on other servers. The restored store
//! has the same rows and goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use factline_dev_servers::Servers;
use harness::quiescence::until_quiescent;
use harness::{Layout, System};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::client::Client;
use crate::tool::run;

/// Maximum time to drain a process.
const DRAIN: Duration = Duration::from_secs(30);

/// Maximum time until a store is idle.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Returns a layout in which the session of a handler that was stopped ends early.
pub(crate) fn quick() -> Layout {
    let environment = ("FACTLINE_SESSION_TIMEOUT_MS".to_owned(), "6000".to_owned());
    Layout {
        environment: vec![environment],
        ..Layout::default()
    }
}

/// The rows of every view that readers see.
const RELATIONS: &str = "select c.relname::text from pg_class c \
    join pg_namespace n on n.oid = c.relnamespace \
    where n.nspname = 'read' and c.relname not like '%\\_checkpoint' and c.relkind in ('r', 'v') \
    order by 1";

/// The operations that have ended.
const OPERATIONS: &str = "select coalesce(jsonb_agg(jsonb_build_object( \
    'id', id, 'state', state, 'code', code, 'name', name, 'version', version) order by id), '[]') \
    from operations.operation where state not in ('pending', 'running')";

/// Returns all rows of all views, and all operations that have ended.
pub(crate) async fn contents(system: &System) -> BTreeMap<String, Value> {
    let url = system.database_url("factline");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let relations: Vec<String> = sqlx::query_scalar(RELATIONS)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(relations.len() >= 6, "{relations:?}");
    let mut contents = BTreeMap::new();
    for relation in relations {
        let query = format!(
            "select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text), '[]') \
             from read.{relation} t"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(query));
        contents.insert(relation, query.fetch_one(&mut connection).await.unwrap());
    }
    let operations = sqlx::query_scalar(OPERATIONS);
    let operations: Value = operations.fetch_one(&mut connection).await.unwrap();
    contents.insert("operations".to_owned(), operations);
    connection.close().await.unwrap();
    contents
}

/// Returns the events of all aggregates by their ids, with their times and without their locations.
pub(crate) async fn events(system: &System) -> BTreeMap<String, Value> {
    let mut events = BTreeMap::new();
    for aggregate in [
        "catalog.product",
        "checkout.checkout",
        "ordering.order",
        "payment.payment",
    ] {
        let (done, text) = run(system, &["--json", "events", aggregate]).await;
        assert!(done && !text.is_empty(), "{aggregate}: {text}");
        for line in text.lines() {
            let mut event: Value = serde_json::from_str(line).unwrap();
            event.as_object_mut().unwrap().remove("place").unwrap();
            events.insert(event["id"].as_str().unwrap().to_owned(), event);
        }
    }
    events
}

fn lines(product: &str, amount: i64) -> Value {
    let price = json!({"amount": amount, "currency": "EUR"});
    json!([{"product_id": product, "name": product, "quantity": 1, "unit_price": price}])
}

pub(crate) fn order(customer: &str, amount: i64) -> Value {
    json!({"customer_id": customer, "lines": lines("tea", amount)})
}

/// Sends an order with an idempotency key. Returns the address of its operation.
pub(crate) async fn keyed_order(system: &System) -> String {
    let client = reqwest::Client::new();
    let request = client.post(format!("{}/orders", system.url()));
    let request = request.header("idempotency-key", "once");
    let accepted = request.json(&order("kay", 900)).send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap();
    location.split('?').next().unwrap().to_owned()
}

/// Stops all processes.
pub(crate) async fn stop_all(system: &System) {
    let names: Vec<String> = system.names().map(ToOwned::to_owned).collect();
    for name in names {
        system.stop(&name, DRAIN).await.unwrap();
    }
}

/// Sends orders, checkouts, a product, and an order with an idempotency key. Returns the operation
/// of the last one.
pub(crate) async fn fill(store: &System) -> String {
    let client = Client::of(store);
    for number in 0..12_i64 {
        let customer = format!("customer{}", number % 3);
        let placed = client
            .complete("/orders", &order(&customer, 100 + number))
            .await;
        if number % 4 == 0 {
            let ship = format!("/{}/ship", placed.resource);
            client.complete(&ship, &json!({})).await;
        }
    }
    for method in ["card-ok", "card-declined"] {
        let checkout = json!({"customer_id": "ada", "method": method, "payment_seconds": 60,
            "lines": lines("cup", 700)});
        client.complete("/checkouts", &checkout).await;
    }
    let price = json!({"amount": 500, "currency": "EUR"});
    let tea = json!({"name": "Tea", "brand": "Acme", "price": price});
    client.complete("/products", &tea).await;
    keyed_order(store).await
}

/// Checks that the restored store has what was there before, and the order that is decided now.
pub(crate) fn assert_same(before: &BTreeMap<String, Value>, mut after: BTreeMap<String, Value>) {
    let late = |rows: &mut Value| {
        let rows = rows.as_array_mut().unwrap();
        let count = rows.len();
        rows.retain(|row| row["customer_id"] != "late");
        count - rows.len()
    };
    assert_eq!(late(after.get_mut("orders").unwrap()), 1);
    assert_eq!(late(after.get_mut("customer_spending").unwrap()), 1);
    let known = before["operations"].as_array().unwrap();
    let operations = after.get_mut("operations").unwrap().as_array_mut().unwrap();
    assert_eq!(operations.len(), known.len() + 1);
    operations.retain(|it| known.iter().any(|known| known["id"] == it["id"]));
    for (name, rows) in before {
        assert_eq!(after.get(name), Some(rows), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_store_has_the_same_rows_and_goes_on() {
    // The other servers have a store without records, whose jobs have run.
    let restored = tokio::spawn(System::start_alone_in("restored", quick()));
    let store = tokio::task::spawn_blocking(Servers::shared).await.unwrap();
    let store = System::on(store, "backup", quick()).await.unwrap();
    let client = Client::of(&store);
    let operation = fill(&store).await;
    until_quiescent(&store, PATIENCE).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let backup = backup.to_str().unwrap();
    let (done, text) = run(&store, &["backup", backup, "--wait", "0"]).await;
    assert!(
        !done && text.contains("command-handlers-1"),
        "handlers run: {text}"
    );
    store.stop("command-handlers", DRAIN).await.unwrap();
    // A command that is accepted and not decided belongs to the backup.
    let accepted = client.post("/orders", &order("late", 4200)).await;
    assert_eq!(accepted.status(), 202);
    let before = contents(&store).await;
    let events_before = events(&store).await;
    let (done, text) = run(&store, &["--json", "backup", backup]).await;
    assert!(done, "{text}");
    let saved: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let orders = saved
        .iter()
        .find(|it| it["aggregate"] == "ordering.order")
        .unwrap();
    assert_eq!(
        orders["commands"], 1,
        "the undecided command alone: {orders}"
    );

    let restored = restored.await.unwrap().unwrap();
    let (done, text) = run(&restored, &["restore", backup, "--wait", "0"]).await;
    assert!(
        !done && text.contains("must be stopped first"),
        "processes run: {text}"
    );
    stop_all(&restored).await;
    let (done, text) = run(&restored, &["--json", "restore", backup]).await;
    assert!(done, "{text}");
    let written: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(written, saved);
    let (done, text) = run(&restored, &["restore", backup]).await;
    assert!(
        !done && text.contains("has records"),
        "it is not written twice: {text}"
    );

    let names: Vec<String> = restored.names().map(ToOwned::to_owned).collect();
    for name in &names {
        restored.spawn(name).unwrap();
    }
    restored.ready().await.unwrap();
    until_quiescent(&restored, PATIENCE).await.unwrap();
    let after = contents(&restored).await;
    assert_same(&before, after);
    let mut events_after = events(&restored).await;
    events_after.retain(|id, _| events_before.contains_key(id));
    assert_eq!(events_after, events_before);
    assert_eq!(before["orders"].as_array().unwrap().len(), 15);

    // A command that was decided before the backup is not decided again, and new ones are.
    assert_eq!(keyed_order(&restored).await, operation);
    let client = Client::of(&restored);
    let placed = client.complete("/orders", &order("new", 1)).await;
    assert_eq!(placed.operation["state"], "completed");
    until_quiescent(&restored, PATIENCE).await.unwrap();
    let orders = contents(&restored).await.remove("orders").unwrap();
    assert_eq!(orders.as_array().unwrap().len(), 15 + 2);
    // Records from before name commands at offsets that other commands have now.
    let none: Vec<String> = Vec::new();
    assert_eq!(restored.findings().await.unwrap(), none);
}
