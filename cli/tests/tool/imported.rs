//! Events that are imported: those of an export, and the demo's purchases.

use std::fmt::Write as _;
use std::fs;

use chrono::NaiveDate;
use factline::id;
use factline_kafka::tools::partition_scan::Extents;
use factline_testkit::{found, servers};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::copied::count;
use crate::stage::Stage;

const X: &str = "ordering.order";

/// Returns the lines of an export without the places of the events.
async fn exported(stage: &Stage, path: &str) -> Vec<Value> {
    let written = stage.json(&["export", X, "--to", path]).await;
    assert_eq!(written[0]["undecodable"], 0);
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("place").unwrap();
        line
    });
    lines.collect()
}

async fn verify(stage: &Stage) {
    let verified = stage.run(&["verify", "--decode"]).await;
    assert!(verified.success, "{verified:?}");
}

/// Returns the state of an order once it has this version.
async fn state_at(stage: &Stage, order: &str, version: u64) -> Value {
    found("the version", async || {
        let shown = stage.run(&["--json", "state", X, order]).await;
        let shown: Value = serde_json::from_str(&shown.out).ok()?;
        (shown["version"] == version).then_some(shown)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_events_are_imported_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let source = Stage::with_topics("exported").await;
    let handler = source.handle();
    let orders: Vec<Uuid> = (0..20).map(|_| Uuid::new_v4()).collect();
    for (number, order) in orders.iter().enumerate() {
        source.place(*order).await;
        if number % 2 == 0 {
            source.ship(*order).await;
        }
    }
    found("all events", async || {
        (source.json(&["events", X]).await.len() == 30).then_some(())
    })
    .await;
    handler.stop().await;
    let before = exported(&source, &path("before")).await;

    let target = Stage::with_topics("imported").await;
    let import = ["import", X, "--from", &path("before")];
    let checked = target.json(&[&import[..], &["--check"]].concat()).await;
    assert_eq!(
        (&checked[0]["events"], &checked[0]["written"]),
        (&json!(30), &json!(0))
    );
    assert!(target.json(&["events", X]).await.is_empty());
    let done = target.json(&import).await;
    assert_eq!(
        (&done[0]["aggregates"], &done[0]["written"]),
        (&json!(20), &json!(30))
    );
    assert_eq!(exported(&target, &path("after")).await, before);
    verify(&target).await;
    let again = target.json(&import).await;
    assert_eq!(again[0]["written"], 0);

    // Handlers go on from the imported events.
    let handler = target.handle();
    let [shipped, open] = [orders[0].to_string(), orders[1].to_string()];
    target.ship(orders[1]).await;
    state_at(&target, &open, 2).await;
    let refused = target.run(&import).await;
    assert!(refused.success, "nothing is to be written: {refused:?}");
    handler.stop().await;
    verify(&target).await;
    state_at(&target, &shipped, 2).await;
}

/// Returns the demo's purchases as events in the order of time.
fn purchases() -> Vec<Value> {
    let text = fs::read_to_string("../demo/purchases.csv").unwrap();
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
    let lines = (2..).zip(text.lines().skip(1));
    let mut events: Vec<(NaiveDate, Value)> = lines
        .map(|(number, line)| {
            let cells: Vec<&str> = line.split(',').collect();
            let [customer, date, units, dollars] = cells[..] else {
                panic!("line {number}");
            };
            let date: NaiveDate = date.parse().unwrap();
            let (whole, part) = dollars.split_once('.').unwrap_or((dollars, "00"));
            let cents: i64 = format!("{whole}{part:0<2}").parse().unwrap();
            let source = format!("purchases.csv:{number}");
            let order = id::aggregate(X, &source).to_string();
            let event = json!({
                "key": order, "type": "ordering.PastOrderRecorded", "time": format!("{date}T12:00:00Z"),
                "data": {
                    "order_id": order, "customer_id": customer, "source": source,
                    "ordered_on": (date - epoch).num_days(), "units": units.parse::<i64>().unwrap(),
                    "total": {"amount": cents, "currency": "USD"},
                },
            });
            (date, event)
        })
        .collect();
    events.sort_by_key(|(date, _)| *date);
    events.into_iter().map(|(_, event)| event).collect()
}

fn lines(events: &[Value]) -> String {
    events.iter().fold(String::new(), |mut text, event| {
        writeln!(text, "{event}").unwrap();
        text
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_are_imported_also_when_the_tool_is_killed() {
    let stage = Stage::with_topics("purchases").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("purchases.jsonl");
    let events = purchases();
    assert_eq!(events.len(), 6919);
    fs::write(&path, lines(&events)).unwrap();
    let import = ["--json", "import", X, "--from", path.to_str().unwrap()];
    let extents = Extents::new(&stage.fixture.kafka).unwrap();
    let mut killed = stage.start(&import);
    let topic = stage.topics.events();
    while count(&extents, topic) == 0 {
        assert!(
            killed.try_wait().unwrap().is_none(),
            "the import ended by itself"
        );
    }
    killed.kill().await.unwrap();
    let written = count(&extents, topic);
    assert!(written < 6919, "killed too late");
    let done = stage.run(&import).await.json();
    assert_eq!(
        (&done[0]["events"], &done[0]["aggregates"]),
        (&json!(6919), &json!(6919))
    );
    assert_eq!(done[0]["written"], 6919 - written);
    verify(&stage).await;
    let database = format!("purchases{}", Uuid::new_v4().simple());
    let servers = servers().await;
    servers.postgres.create_database(&database).unwrap();
    let url = servers.postgres.url(&database, "factline_projector");
    let view = ["view", "customer-spending", "--database-url", &url];
    let rows = stage.json(&view).await;
    assert_eq!(rows.len(), 2357);
    let sum = |name: &str| -> i64 {
        let number = |row: &Value| {
            row[name]
                .as_i64()
                .or_else(|| row[name].as_str()?.parse().ok())
        };
        rows.iter().map(|row| number(row).unwrap()).sum()
    };
    assert_eq!(
        (sum("orders"), sum("units"), sum("total")),
        (6919, 16_479, 24_409_194)
    );
    let early = stage
        .json(&[&view[..], &["--at", "1997-02-01"]].concat())
        .await;
    assert!((1..2357).contains(&early.len()), "{}", early.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_would_break_a_history_are_refused() {
    let stage = Stage::with_topics("broken").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let sound = &purchases()[..3];
    let with = |change: &dyn Fn(&mut Value)| {
        let mut events = sound.to_vec();
        change(&mut events[1]);
        events
    };
    let again = [sound, &sound[..1]].concat();
    for (reason, events) in [
        (
            "field order_id is not the key test",
            with(&|it| it["key"] = "test".into()),
        ),
        (
            "has the version 2, expected 1",
            with(&|it| it["version"] = 2.into()),
        ),
        (
            "the id is not that of",
            with(&|it| it["id"] = Uuid::nil().to_string().into()),
        ),
        (
            "is not in the past",
            with(&|it| it["time"] = "2999-01-01T00:00:00Z".into()),
        ),
        (
            "is not an event of",
            with(&|it| it["type"] = "ordering.Gone".into()),
        ),
        (
            "data/more has no place",
            with(&|it| it["data"]["more"] = 1.into()),
        ),
        ("unknown field `extra`", with(&|it| it["extra"] = 1.into())),
        ("is before that of an event before it", {
            let mut events = again;
            events[3]["time"] = "1996-12-31T00:00:00Z".into();
            events
        }),
    ] {
        fs::write(&path, lines(&events)).unwrap();
        let ran = stage
            .run(&["import", X, "--from", path.to_str().unwrap()])
            .await;
        assert!(
            !ran.success && ran.err.contains(reason),
            "{reason}: {ran:?}"
        );
    }
    assert!(
        stage.json(&["events", X]).await.is_empty(),
        "nothing was written"
    );

    fs::write(&path, lines(sound)).unwrap();
    let import = ["import", X, "--from", path.to_str().unwrap(), "--wait", "0"];
    let handler = stage.handle();
    let order = Uuid::new_v4();
    stage.place(order).await;
    state_at(&stage, &order.to_string(), 1).await;
    let ran = stage.run(&import).await;
    assert!(
        !ran.success && ran.err.contains("not in the file"),
        "{ran:?}"
    );
    handler.stop().await;
}
