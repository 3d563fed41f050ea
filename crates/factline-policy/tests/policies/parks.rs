//! A fact that can never be handled parks its key, until an operator redrives or discards it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use factline_kafka::Record;
use factline_kafka::topics::partition_of;
use factline_testkit::PATIENCE;
use rdkafka::producer::FutureRecord;

use crate::gate::{CounterEvent, GATE};
use crate::policies::{CountAndPark, CountAndSkip, MENDED, PANICS, TOO_LARGE};
use crate::rig::{Rig, eventually};

const POLICY: &str = "policy tally.count-and-park";

/// Two gates of one partition.
fn gates() -> [String; 2] {
    let of_first = |name: &String| partition_of(name.as_bytes(), GATE.partitions) == 0;
    let mut names = (0..).map(|number| format!("g-{number}")).filter(of_first);
    [names.next().unwrap(), names.next().unwrap()]
}

fn letters_topic(rig: &Rig) -> String {
    let prefix = &rig.kafka.topic_prefix;
    format!("{prefix}policy.tally.count-and-park.dead-letters")
}

fn header(record: &Record, name: &str) -> Option<String> {
    let value = record.headers.last(name)?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

/// Returns the newest record of each letter, in the order of the facts.
async fn letters(rig: &Rig) -> Vec<Record> {
    let mut newest = BTreeMap::new();
    for record in rig.read(&letters_topic(rig)).await {
        let key = String::from_utf8(record.key.clone().unwrap()).unwrap();
        let (place, offset) = key.rsplit_once('@').unwrap();
        let offset: i64 = offset.parse().unwrap();
        newest.insert((place.to_owned(), offset), record);
    }
    newest.into_values().collect()
}

/// Returns code and mark of each letter.
async fn states(rig: &Rig) -> Vec<(String, Option<String>)> {
    let letters = letters(rig).await;
    let state = |record: &Record| {
        let code = header(record, "deadletter_code").unwrap();
        (code, header(record, "deadletter_mark"))
    };
    letters.iter().map(state).collect()
}

async fn until_letters(rig: &Rig, count: usize) -> Vec<Record> {
    let mut found = Vec::new();
    eventually(&format!("there are {count} letters"), async || {
        found = letters(rig).await;
        found.len() >= count
    })
    .await;
    found
}

/// Appends the mark of an operator to a letter.
async fn mark(rig: &Rig, letter: &Record, mark: &str) {
    let headers = letter.headers.iter();
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let mut headers: Vec<(&str, String)> =
        headers.map(|(name, value)| (name, text(value))).collect();
    headers.push(("deadletter_mark", mark.to_owned()));
    headers.push(("deadletter_markedby", "ada".to_owned()));
    let key = text(letter.key.as_deref().unwrap());
    let value = letter.value.clone().unwrap_or_default();
    rig.append(
        &letters_topic(rig),
        letter.partition,
        &key,
        &headers,
        &value,
    )
    .await;
}

/// Returns the amounts that a counter has counted, in order.
async fn amounts(rig: &Rig, counter: &str) -> Vec<i64> {
    let events = rig.counted().await.into_iter();
    let amounts = events.filter_map(|(_, CounterEvent::Counted(event))| {
        (event.counter == counter).then_some(event.amount)
    });
    amounts.collect()
}

async fn until_amounts(rig: &Rig, counter: &str, expected: &[i64]) {
    eventually(&format!("{counter} has counted {expected:?}"), async || {
        amounts(rig, counter).await == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_key_waits_in_order_and_is_redriven_once_the_defect_is_mended() {
    let rig = Rig::new("parks").await;
    let handlers = rig.handlers().await;
    let [parked, other] = gates();
    let policy = rig.policy::<CountAndPark>("a").await;
    rig.until_ready(POLICY).await;
    rig.pass(&parked, "c", 1).await;
    rig.pass(&parked, "c", PANICS).await;
    rig.pass(&parked, "c", 3).await;
    rig.pass(&other, "d", 4).await;
    until_amounts(&rig, "d", &[4]).await;
    let found = until_letters(&rig, 2).await;
    assert_eq!(found.len(), 2);
    let reason = header(&found[0], "deadletter_reason").unwrap();
    assert!(reason.contains("panic requested by the test"), "{reason}");
    assert_eq!(header(&found[0], "deadletter_key"), Some(parked.clone()));

    // It is parked after a restart, too. The other key of the partition is not.
    policy.stop().await;
    let policy = rig.policy::<CountAndPark>("a").await;
    rig.pass(&parked, "c", 5).await;
    rig.pass(&other, "d", 6).await;
    until_amounts(&rig, "d", &[4, 6]).await;
    let found = until_letters(&rig, 3).await;
    assert_eq!(amounts(&rig, "c").await, [1]);

    // A redrive before the defect is mended changes nothing.
    mark(&rig, &found[0], "redrive").await;
    let again = async || states(&rig).await[0].1.is_none();
    eventually("the redrive has failed", again).await;
    let open = |code: &str| (code.to_owned(), None);
    let expected = [open("poison"), open("behind"), open("behind")];
    assert_eq!(states(&rig).await, expected);

    MENDED.store(true, Ordering::SeqCst);
    mark(&rig, &found[0], "redrive").await;
    until_amounts(&rig, "c", &[1, PANICS, 3, 5]).await;
    eventually("all letters are settled", async || {
        let states = states(&rig).await;
        states
            .iter()
            .all(|(_, mark)| mark.as_deref() == Some("redriven"))
    })
    .await;
    let first = letters(&rig).await.remove(0);
    assert_eq!(
        header(&first, "deadletter_markedby"),
        Some("ada".to_owned())
    );
    rig.pass(&parked, "c", 7).await;
    until_amounts(&rig, "c", &[1, PANICS, 3, 5, 7]).await;
    assert_eq!(letters(&rig).await.len(), 3);

    // A release that has another defect parks the next one: an operator discards it, and the facts
    // behind it are handled.
    rig.pass(&parked, "c", TOO_LARGE).await;
    rig.pass(&parked, "c", 8).await;
    let found = until_letters(&rig, 5).await;
    mark(&rig, &found[3], "discarded").await;
    until_amounts(&rig, "c", &[1, PANICS, 3, 5, 7, 8]).await;

    // A record that is no fact parks its key, too.
    let events = rig.kafka.topics(&GATE).events().to_owned();
    rig.append(&events, 0, &other, &[], b"nonsense").await;
    let found = until_letters(&rig, 6).await;
    let reason = header(&found[5], "deadletter_reason").unwrap();
    assert!(reason.contains("header ce_id is missing"), "{reason}");
    rig.pass(&parked, "c", 9).await;
    until_amounts(&rig, "c", &[1, PANICS, 3, 5, 7, 8, 9]).await;
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}

/// A record without a key cannot be parked: nothing says which records are behind it.
#[tokio::test(flavor = "multi_thread")]
async fn poison_record_without_a_key_halts_its_partition() {
    let rig = Rig::new("keyless").await;
    let policy = rig.policy::<CountAndPark>("a").await;
    rig.until_ready(POLICY).await;
    let events = rig.kafka.topics(&GATE).events().to_owned();
    let keyless = FutureRecord::<str, str>::to(&events)
        .partition(1)
        .payload("nonsense");
    let sent = rig.fixture.producer.send(keyless, PATIENCE).await;
    sent.unwrap();
    rig.until_it_reports(POLICY, "tally.gate.events/1 is halted")
        .await;
    policy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn skipped_fact_delays_no_other() {
    let rig = Rig::new("skips").await;
    let handlers = rig.handlers().await;
    let [gate, _] = gates();
    let policy = rig.policy::<CountAndSkip>("a").await;
    rig.until_ready("policy tally.count-and-skip").await;
    for amount in [1, PANICS, 2, TOO_LARGE, 3] {
        rig.pass(&gate, "c", amount).await;
    }
    eventually("the others are counted", async || {
        // Two counters count the pass of amount 2.
        amounts(&rig, "c").await == [1, 1, 3]
    })
    .await;
    rig.until_reacted("policy.tally.count-and-skip").await;
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}
