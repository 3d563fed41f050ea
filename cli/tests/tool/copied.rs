//! A copy that is killed goes on, and is the same as one that is not. The drill with a whole store
//! is in `tests/e2e`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use factline::id;
use factline_kafka::tools::groups;
use factline_kafka::tools::partition_scan::Extents;
use factline_kafka::tools::topic_writer::TopicWriter;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Record};
use factline_testkit::found;
use serde_json::Value;
use uuid::Uuid;

use crate::stage::Stage;

const EVENTS: u64 = 30_000;
const ORDERS: u128 = 500;

/// Appends events of many orders, with sound headers.
fn fill(kafka: &KafkaConfig, topic: &str) {
    let writer = TopicWriter::new(kafka).unwrap();
    let mut sequences = [0_u64; 8];
    let mut versions: HashMap<u128, u64> = HashMap::new();
    for number in 0..u128::from(EVENTS) {
        let order = Uuid::from_u128(number * 7 % ORDERS + 1);
        let version = versions.entry(order.as_u128()).or_default();
        *version += 1;
        let key = order.to_string();
        let partition = partition_of(key.as_bytes(), 8);
        let sequence = &mut sequences[usize::try_from(partition).unwrap()];
        *sequence += 1;
        let operation = Uuid::from_u128((1 << 64) + number);
        let mut envelope = Stage::envelope(operation, "ordering.OrderShipped", order);
        envelope.id = id::event("ordering.order", &key, *version);
        envelope.operation = operation;
        envelope.sequence = Some(*version);
        envelope.partition_sequence = Some(*sequence);
        let record = Record {
            topic: topic.to_owned(),
            partition,
            offset: 0,
            timestamp: envelope.time,
            key: Some(key.into_bytes()),
            headers: envelope.to_headers().into_iter().collect(),
            value: Some(vec![7; 100]),
        };
        writer.write(&record).unwrap();
    }
    writer.finish().unwrap();
}

fn read(manifest: &Path) -> Value {
    serde_json::from_slice(&fs::read(manifest).unwrap_or_default()).unwrap_or_default()
}

/// Returns the partitions of all topics as the manifest has them.
fn partitions(manifest: &Path) -> Vec<(String, Value)> {
    let manifest = read(manifest);
    let topics = manifest["topics"].as_array().unwrap().iter();
    topics
        .map(|topic| {
            let name = format!("{} {}", topic["aggregate"], topic["kind"]);
            (name, topic["target_partitions"].clone())
        })
        .collect()
}

/// Returns the number of records of a topic; 0 if it does not exist.
pub(crate) fn count(extents: &Extents, topic: &str) -> u64 {
    let ends = extents.of(topic).unwrap_or_default();
    ends.values().map(|(_, end)| end.cast_unsigned()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_copy_goes_on() {
    let stage = Stage::with_topics("copied").await;
    let kafka = stage.fixture.kafka.clone();
    let source = stage.topics.events().to_owned();
    tokio::task::spawn_blocking(move || fill(&kafka, &source))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let prefix = |name: &str| format!("{}{name}.", stage.fixture.kafka.topic_prefix);
    let arguments = |to: &str, manifest: &Path| {
        let manifest = manifest.to_str().unwrap();
        let all = [
            "copy",
            "--to",
            to,
            "--partitions",
            "ordering.order=24",
            "--manifest",
            manifest,
        ];
        all.map(ToOwned::to_owned).to_vec()
    };
    let run = async |to: &str, manifest: &Path, cut_over: bool| {
        let mut all = arguments(to, manifest);
        all.extend(cut_over.then(|| "--cut-over".to_owned()));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let ran = stage.run(&all).await;
        assert!(ran.success, "{ran:?}");
    };
    run(&prefix("whole"), &whole, true).await;

    let to = prefix("killed");
    let extents = Extents::new(&stage.fixture.kafka).unwrap();
    let topic = format!("{to}ordering.order.events");
    let all = arguments(&to, &killed);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut seen = Vec::new();
    for least in [1, 8_000, 22_000] {
        let mut copy = stage.start(&all);
        while count(&extents, &topic) < least {
            assert!(
                copy.try_wait().unwrap().is_none(),
                "the copy ended by itself"
            );
        }
        copy.kill().await.unwrap();
        seen.push(count(&extents, &topic));
    }
    assert!(seen.last().unwrap() < &EVENTS, "killed too late: {seen:?}");
    run(&to, &killed, false).await;
    let mut copy = stage.start(&[&all[..], &["--cut-over"]].concat());
    while read(&killed)["cut_over"].is_null() {
        assert!(
            copy.try_wait().unwrap().is_none(),
            "the copy ended by itself"
        );
    }
    copy.kill().await.unwrap();
    run(&to, &killed, true).await;
    assert_eq!(
        partitions(&killed),
        partitions(&whole),
        "killed at {seen:?}"
    );
    assert_eq!(count(&extents, &topic), EVENTS);

    // The handlers would begin at the first command.
    let commands = format!("{to}ordering.order.commands");
    let keys: Vec<_> = (0..24).map(|number| (commands.clone(), number)).collect();
    let group = format!("{to}handler.ordering.order");
    let committed = groups::committed(&stage.fixture.kafka, &group, &keys).unwrap();
    assert!(committed.len() == 24 && committed.values().all(|next| *next == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_that_would_not_be_true_is_refused() {
    let stage = Stage::with_topics("refused").await;
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("copy.json");
    let manifest = manifest.to_str().unwrap();
    let to = format!("{}b.", stage.fixture.kafka.topic_prefix);
    let copy = |more: &[&'static str]| {
        let all = [&["copy", "--to", &to, "--manifest", manifest], more].concat();
        let all: Vec<String> = all.into_iter().map(ToOwned::to_owned).collect();
        all
    };
    let refused = async |all: &[String], reason: &str| {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let ran = stage.run(&all).await;
        assert!(
            !ran.success && ran.err.contains(reason),
            "{reason}: {ran:?}"
        );
    };
    let narrower = copy(&["--partitions", "ordering.order=12"]);
    refused(&narrower, "12 is not a multiple").await;
    let unknown = copy(&["--partitions", "ordering.gone=16"]);
    refused(&unknown, "unknown aggregate ordering.gone").await;
    let mut same = copy(&[]);
    same[2].clone_from(&stage.fixture.kafka.topic_prefix);
    refused(&same, "has the prefix of the installation").await;

    // A gap in the numbers is not copied as if nothing was missing.
    let mut envelope = Stage::envelope(Uuid::now_v7(), "ordering.OrderShipped", Uuid::new_v4());
    envelope.sequence = Some(1);
    envelope.partition_sequence = Some(2);
    stage.append(stage.topics.events(), &envelope, b"a").await;
    refused(&copy(&[]), "has the partition sequence 2, expected 1").await;
    let wider = copy(&["--partitions", "ordering.order=16"]);
    refused(&wider, "from 8 to 8 partitions").await;
    fs::remove_file(manifest).unwrap();
    envelope.partition_sequence = Some(1);
    stage
        .append(&format!("{to}ordering.order.events"), &envelope, b"a")
        .await;
    refused(&copy(&[]), "has records, and the manifest does not exist").await;
}

/// A copy for tests: a part of the orders, without the names of customers.
#[tokio::test(flavor = "multi_thread")]
async fn copy_has_whole_aggregates_and_masked_fields() {
    let stage = Stage::with_topics("chosen").await;
    let handler = stage.handle();
    let orders: Vec<Uuid> = (0..4).map(|_| Uuid::new_v4()).collect();
    for order in &orders {
        stage.place(*order).await;
        stage.ship(*order).await;
    }
    let events = async |prefix: &str| {
        stage
            .json(&["--topic-prefix", prefix, "events", "ordering.order"])
            .await
    };
    let source = stage.fixture.kafka.topic_prefix.clone();
    found("all events", async || {
        (events(&source).await.len() == 8).then_some(())
    })
    .await;
    handler.stop().await;
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("keep.txt");
    let kept = orders[..3]
        .iter()
        .map(|order| format!("ordering.order/{order}\n"));
    fs::write(&keep, kept.collect::<String>()).unwrap();
    let drop = format!("ordering.order/{}", orders[1]);
    let copy = async |name: &str, mask: &str, more: &[&str]| {
        let (to, manifest) = (format!("{source}{name}."), folder.path().join(name));
        let all = [
            &[
                "copy",
                "--to",
                &to,
                "--manifest",
                manifest.to_str().unwrap(),
                "--cut-over",
            ][..],
            &[
                "--keep-from",
                keep.to_str().unwrap(),
                "--drop",
                &drop,
                "--mask",
                mask,
            ],
            more,
        ];
        (stage.run(&all.concat()).await, to)
    };
    let customers = "ordering.OrderPlaced/customer_id=masked";
    let (copied, to) = copy(
        "a",
        customers,
        &["--mask", "ordering.OrderPlaced/lines/*/quantity=1"],
    )
    .await;
    assert!(copied.success, "{copied:?}");
    let found = events(&to).await;
    let mut expected = Vec::new();
    for event in events(&source).await {
        let is_kept = [orders[0], orders[2]]
            .iter()
            .any(|it| event["key"] == it.to_string());
        if is_kept {
            expected.push(event);
        }
    }
    assert_eq!((expected.len(), found.len()), (4, 4));
    for event in &found {
        let before = expected.iter().find(|it| it["id"] == event["id"]).unwrap();
        let mut data = before["data"].clone();
        if event["type"] == "ordering.OrderPlaced" {
            data["customer_id"] = "masked".into();
            data["lines"][0]["quantity"] = 1.into();
        }
        assert_eq!(event["data"], data);
    }
    let verified = stage
        .run(&["--topic-prefix", &to, "verify", "--decode"])
        .await;
    assert!(verified.success, "{verified:?}");

    let (refused, _) = copy("b", "ordering.OrderPlaced/customer=masked", &[]).await;
    let reason = "no record has a field of the mask ordering.OrderPlaced/customer";
    assert!(
        !refused.success && refused.err.contains(reason),
        "{refused:?}"
    );
    let (refused, _) = copy("c", "ordering.OrderPlaced/order_id=masked", &[]).await;
    let reason = "is the aggregate's id, which cannot be masked";
    assert!(
        !refused.success && refused.err.contains(reason),
        "{refused:?}"
    );
    let url = ["--database-url", "postgres://nowhere/none"];
    let (refused, _) = copy("d", customers, &url).await;
    let reason = "have what is left out or masked";
    assert!(
        !refused.success && refused.err.contains(reason),
        "{refused:?}"
    );
}
