//! Exports of events and of other records.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use apache_avro::types::Value as Avro;
use factline_testkit::found;
use serde_json::Value;
use uuid::Uuid;

use crate::stage::Stage;

const X: &str = "ordering.order";

/// Places two orders, and ships the first.
async fn orders(stage: &Stage) -> [Uuid; 2] {
    let orders = [Uuid::new_v4(), Uuid::new_v4()];
    for order in orders {
        stage.place(order).await;
    }
    stage.ship(orders[0]).await;
    found("three events", async || {
        let events = stage.json(&["events", X]).await;
        (events.len() == 3).then_some(())
    })
    .await;
    orders
}

/// Returns the values of a container file as JSON.
fn container(path: &Path) -> Vec<Value> {
    let reader = apache_avro::Reader::new(File::open(path).unwrap()).unwrap();
    let values = reader.map(|value: Result<Avro, _>| Value::try_from(value.unwrap()).unwrap());
    values.collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_exported_as_json_lines_and_avro() {
    let stage = Stage::with_handler("exported").await;
    let [order, _] = orders(&stage).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();

    let mut shown = stage.json(&["events", X]).await;
    shown.sort_by_key(|event| event["place"].to_string());
    let lines = path("orders.jsonl");
    let written = stage.json(&["export", X, "--to", &lines]).await;
    assert_eq!(
        (&written[0]["records"], &written[0]["undecodable"]),
        (&3.into(), &0.into())
    );
    let text = fs::read_to_string(&lines).unwrap();
    let exported = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut exported: Vec<Value> = exported.collect();
    exported.sort_by_key(|event| event["place"].to_string());
    assert_eq!(exported, shown);

    let avro = ["--format-file", "avro", "--to"];
    let whole = path("orders");
    let command = [&["export", X][..], &avro, &[whole.as_str()]].concat();
    let written = stage.json(&command).await;
    let counts = written.iter().map(|file| {
        let read = container(Path::new(file["file"].as_str().unwrap()));
        assert_eq!(file["records"], read.len(), "{file}");
        (file["type"].as_str().unwrap(), read)
    });
    let files: BTreeMap<&str, Vec<Value>> = counts.collect();
    let placed = &files["ordering.OrderPlaced"];
    assert_eq!((placed.len(), files["ordering.OrderShipped"].len()), (2, 1));
    for event in placed {
        let place = format!(
            "{}/{}@{}",
            event["topic"].as_str().unwrap(),
            event["partition"],
            event["offset"]
        );
        let same = shown.iter().find(|shown| shown["place"] == place).unwrap();
        for field in ["data", "operation", "actor", "version", "command_position"] {
            assert_eq!(event[field], same[field], "{field}");
        }
    }

    let (one, key) = (path("placed.avro"), order.to_string());
    let record = ["--record", "ordering.OrderPlaced", "--key", &key];
    let command = [&["export", X][..], &record, &avro, &[one.as_str()]].concat();
    assert_eq!(stage.json(&command).await[0]["records"], 1);
    assert_eq!(container(Path::new(&one)).len(), 1);
    let outcomes = path("outcomes.jsonl");
    let topic = format!("{X}.outcomes");
    let options = ["export", &topic, "--since", "1h", "--to", &outcomes];
    assert_eq!(stage.json(&options).await[0]["records"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_export_leaves_nothing() {
    let stage = Stage::with_handler("unexported").await;
    let [order, _] = orders(&stage).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let single = path("all.avro");
    let key = order.to_string();
    let avro = ["export", X, "--key", &key, "--format-file", "avro", "--to"];
    let refused = stage.run(&[&avro[..], &[&single]].concat()).await;
    assert!(
        !refused.success && refused.err.contains("one file has one schema"),
        "{refused:?}"
    );
    let envelope = Stage::envelope(Uuid::now_v7(), "ordering.OrderPlaced", order);
    stage
        .append(stage.topics.events(), &envelope, b"poison")
        .await;
    let whole = path("all");
    let failed = stage.run(&[&avro[..], &[&whole]].concat()).await;
    let reason = "use --format-file jsonl";
    assert!(!failed.success && failed.err.contains(reason), "{failed:?}");
    let nothing = ["--record", "ordering.None"];
    let failed = stage.run(&[&avro[..], &[&single], &nothing].concat()).await;
    assert!(
        !failed.success && failed.err.contains("no record is selected"),
        "{failed:?}"
    );
    assert_eq!(names(folder.path()), Vec::<String>::new());

    let lines = path("all.jsonl");
    let written = stage.json(&["export", X, "--to", &lines]).await;
    assert_eq!(
        (&written[0]["records"], &written[0]["undecodable"]),
        (&4.into(), &1.into())
    );
    let again = stage.run(&["export", X, "--to", &lines]).await;
    assert!(
        !again.success && again.err.contains("already exists"),
        "{again:?}"
    );
    let nowhere = stage
        .run(&["export", "ordering.none", "--to", &whole])
        .await;
    assert!(
        !nowhere.success && nowhere.err.contains("ordering.none.events does not exist"),
        "{nowhere:?}"
    );
    assert_eq!(names(folder.path()), ["all.jsonl"]);
}
