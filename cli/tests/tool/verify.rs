//! Each kind of fault, written into topics by hand, is named at its place.

mod faults;
mod killed;
mod tracked;

use factline_kafka::tools::groups;
use factline_kafka::topics::{partition_of, provision, settings};
use factline_testkit::found;
use ordering_schemas::ORDER;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

use crate::stage::{Ran, Stage};

const X: &str = "ordering.order";

/// Runs the verification. Returns the exit code and the lines.
async fn verify(stage: &Stage, options: &[&str]) -> (i32, Vec<Value>) {
    let command = [&["--json", "verify", "--type", X], options].concat();
    let ran = stage.run(&command).await;
    (ran.code, lines(&ran))
}

fn lines(ran: &Ran) -> Vec<Value> {
    let lines = ran.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns kind and place of each finding.
fn findings(lines: &[Value]) -> BTreeSet<(String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let lines = lines.iter().filter(|line| line["finding"].is_string());
    lines
        .map(|line| (text(line, "finding"), text(line, "place")))
        .collect()
}

/// Commits the end of the commands for the handlers' group.
async fn pass(stage: &Stage, partition: i32, next: i64) {
    let (kafka, topics) = (stage.fixture.kafka.clone(), stage.topics.clone());
    let offsets = BTreeMap::from([((topics.commands().to_owned(), partition), next)]);
    let commit = move || groups::commit(&kafka, topics.handler_group(), &offsets);
    tokio::task::spawn_blocking(commit).await.unwrap().unwrap();
}

/// Rejected, failed and repeated commands are no findings, and neither is a running handler.
#[tokio::test(flavor = "multi_thread")]
async fn log_of_a_handler_has_no_findings() {
    let stage = Stage::with_handler("sound").await;
    let order = Uuid::new_v4();
    stage.ship(order).await;
    stage.place(order).await;
    stage.ship(order).await;
    let poison = Stage::envelope(Uuid::now_v7(), "ordering.ShipOrder", order);
    for _ in 0..2 {
        let topic = stage.topics.commands();
        stage.append(topic, &poison, b"poison").await;
    }
    found("four outcomes", async || {
        let outcomes = stage.fixture.outcomes(stage.topics.outcomes()).await;
        (outcomes.len() == 4).then_some(())
    })
    .await;
    let (code, lines) = verify(&stage, &["--decode"]).await;
    assert_eq!((code, lines.len()), (0, 1), "{lines:?}");
    let report = &lines[0];
    assert_eq!(report["outcomes"], 4);
    assert_eq!(
        (&report["events"], &report["aggregates"]),
        (&2.into(), &1.into())
    );
    let table = stage.run(&["verify", "--type", X]).await;
    assert!(table.out.starts_with("AGGREGATE"), "{table:?}");
}

/// A run that could not check is neither sound nor a finding.
#[tokio::test(flavor = "multi_thread")]
async fn errors_have_a_code_of_their_own() {
    let stage = Stage::empty("none").await;
    let ran = stage.run(&["verify"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("does not exist"), "{ran:?}");
    let ran = stage.run(&["verify", "--type", "ordering.other"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn group_without_offsets_is_a_finding() {
    let stage = Stage::empty("lost").await;
    let wanted = settings::settings(&ORDER, &stage.topics);
    let created = provision::create(&stage.fixture.kafka, &wanted, None).await;
    created.unwrap();
    // Brokers may not know new topics at once.
    let lines = found("the findings", async || {
        let (code, lines) = verify(&stage, &[]).await;
        (code == 1).then_some(lines)
    })
    .await;
    let expected = (0..ORDER.partitions).map(|partition| {
        let place = format!("{}/{partition}", stage.topics.commands());
        ("no_committed_offset".to_owned(), place)
    });
    assert_eq!(findings(&lines), expected.collect());
}

/// Returns an order of a partition.
fn order_in(partition: i32) -> Uuid {
    loop {
        let order = Uuid::new_v4();
        if partition_of(order.to_string().as_bytes(), ORDER.partitions) == partition {
            return order;
        }
    }
}
