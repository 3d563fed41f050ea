//! The rules that hold exactly-once up. Each test goes red when its rule is taken out of the handler.

use std::time::Duration;

use factline::outcome::State;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::account::ACCOUNT;
use crate::rig::{PATIENCE, Rig, eventually};
use factline_kafka::topics::partition_of;

/// A producer with transactions of its own, as a zombie or a neighbour would be.
pub(crate) fn transactional(rig: &Rig, id: &str, timeout: Duration) -> BaseProducer {
    let producer: BaseProducer = rig
        .kafka
        .client_config()
        .set("transactional.id", id)
        .set("transaction.timeout.ms", timeout.as_millis().to_string())
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer
}

/// Somebody's open transaction, with a record on each of the partitions.
pub(crate) async fn stranger(
    rig: &Rig,
    (topic, partitions): (&str, &[i32]),
    timeout: Duration,
) -> BaseProducer {
    let id = format!("{}stranger", rig.kafka.topic_prefix);
    let stranger = transactional(rig, &id, timeout);
    stranger.begin_transaction().unwrap();
    for partition in partitions {
        let record = BaseRecord::<str, [u8]>::to(topic).partition(*partition);
        stranger.send(record.key("x").payload(b"x")).unwrap();
    }
    eventually("the stranger's records are in the log", async || {
        stranger.poll(Duration::from_millis(10));
        stranger.in_flight_count() == 0
    })
    .await;
    stranger
}

/// Rule 4. Somebody's transaction is open on the events topic; behind it, events are committed. A successor that
/// read only to the last stable offset would not see them, and give their versions out again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_sees_what_is_committed_behind_an_open_transaction() {
    let rig = Rig::new("rule-4").await;
    let partition = partition_of(b"ada", ACCOUNT.partitions);
    let first = rig.start("a").await;
    let before = rig.deposit("ada", 1).await;
    rig.outcomes_of(&[before]).await;

    let ours = [partition];
    let events = (rig.topics.events(), ours.as_slice());
    let neighbour = stranger(&rig, events, Duration::from_secs(20)).await;

    let behind = rig.deposit("ada", 2).await;
    // A reader of committed outcomes sees it: only the events partition has the open transaction.
    rig.outcomes_of(&[behind]).await;
    first.stop().await;

    let second = rig.launch("b");
    let after = rig.deposit("ada", 4).await;
    assert_eq!(rig.outcomes_of(&[after]).await[&after].version, Some(3));
    neighbour.abort_transaction(PATIENCE).ok();
    assert_eq!(rig.check(&[before, behind, after]).await["ada"], 7);
    second.stop().await;
}

/// Rule 5. Whoever takes the worker's `transactional.id` makes its calls fail at any moment, commits included, and
/// leaves their outcome unknown. State kept after that would show as a hole in the versions. (That nothing is
/// adopted before the commit shows where transactions are aborted: when partitions move, and when the broker
/// refuses a record.)
#[tokio::test(flavor = "multi_thread")]
async fn state_is_what_was_committed_whenever_the_producer_is_fenced() {
    let rig = Rig::new("rule-5").await;
    let handler = rig.start("a").await;
    let id = format!("{}.a", rig.topics.handler_group());
    let mut operations = Vec::new();
    for round in 0..12 {
        for number in 0..25 {
            operations.push(rig.deposit(&format!("account-{}", number % 5), 1).await);
        }
        // Not awaited: the next commands are under way while the producer is being fenced.
        if round % 2 == 1 {
            let (config, id) = (rig.kafka.client_config(), id.clone());
            tokio::task::spawn_blocking(move || {
                let thief: BaseProducer = { config }.set("transactional.id", id).create().unwrap();
                thief.init_transactions(PATIENCE).unwrap();
            })
            .await
            .unwrap();
        }
    }
    let balances = rig.check(&operations).await;
    assert_eq!(balances.values().sum::<i64>(), 300);
    handler.stop().await;
}

/// Rule 6. Events whose numbers do not continue the history stop their partition, loudly; the others go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_history_stops_its_partition_and_no_other() {
    for (case, version, sequence) in [("version", 3, 2), ("sequence", 2, 3), ("repeated", 1, 2)] {
        let rig = Rig::new(case).await;
        let (broken, sound) = ("ada", "bob");
        let partition = partition_of(broken.as_bytes(), ACCOUNT.partitions);
        assert_ne!(
            partition,
            partition_of(sound.as_bytes(), ACCOUNT.partitions),
            "the test needs two partitions"
        );
        let handler = rig.start("a").await;
        let first = rig.deposit(broken, 1).await;
        rig.outcomes_of(&[first]).await;
        handler.stop().await;

        let (record, envelope, _) = rig.events().await.remove(0);
        let forged = factline::Envelope {
            sequence: Some(version),
            partition_sequence: Some(sequence),
            ..envelope
        };
        let producer = rig.kafka.client_config().create().unwrap();
        forge(
            &producer,
            &rig,
            partition,
            &forged,
            record.value.as_deref().unwrap(),
        );

        let handler = rig.launch("b");
        let good = rig.deposit(sound, 1).await;
        let stuck = rig.deposit(broken, 1).await;
        assert_eq!(
            rig.outcomes_of(&[good]).await[&good].state,
            State::Completed
        );
        eventually("the partition is reported as stopped", async || {
            matches!(handler.state(), Some(Err(reason)) if reason.contains(&format!("/{partition} is stopped")))
        })
        .await;
        let outcomes = rig.outcomes().await;
        assert!(
            outcomes.iter().all(|outcome| outcome.operation_id != stuck),
            "{case}: decided on a broken history"
        );
        handler.stop().await;
    }
}

/// An event that cannot be read stops the restore of its partition and no other.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_event_stops_its_partition_and_no_other() {
    let rig = Rig::new("poison-event").await;
    let partition = partition_of(b"ada", ACCOUNT.partitions);
    let envelope = factline::Envelope {
        sequence: Some(1),
        partition_sequence: Some(1),
        ..factline::Envelope::of_command(
            uuid::Uuid::now_v7(),
            "ledger.Deposited",
            "/test",
            "ada",
            chrono::Utc::now(),
        )
    };
    let producer = rig.kafka.client_config().create().unwrap();
    forge(&producer, &rig, partition, &envelope, b"poison");
    let handler = rig.launch("a");
    let stuck = rig.deposit("ada", 1).await;
    let good = rig.deposit("bob", 1).await;
    rig.outcomes_of(&[good]).await;
    assert!(matches!(handler.state(), Some(Err(reason)) if reason.contains("cannot be read")));
    assert!(
        rig.outcomes()
            .await
            .iter()
            .all(|outcome| outcome.operation_id != stuck)
    );
    handler.stop().await;
}

/// Writes an event as a handler would.
pub(crate) fn forge(
    producer: &BaseProducer,
    rig: &Rig,
    partition: i32,
    envelope: &factline::Envelope,
    value: &[u8],
) {
    use rdkafka::message::{Header, OwnedHeaders};
    let headers =
        envelope
            .to_headers()
            .into_iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(&value),
                })
            });
    let record = BaseRecord::to(rig.topics.events())
        .partition(partition)
        .key(&envelope.subject)
        .payload(value)
        .headers(headers);
    producer.send(record).unwrap();
    producer.flush(PATIENCE).unwrap();
}

/// Handlers come, go and share under load: nothing is lost, nothing is doubled.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_under_load() {
    let rig = Rig::new("moves").await;
    let mut operations = Vec::new();
    let mut running = vec![rig.start("0").await];
    for round in 1..6 {
        for number in 0..60 {
            operations.push(rig.deposit(&format!("account-{}", number % 7), 1).await);
        }
        running.push(rig.launch(&round.to_string()));
        if round % 2 == 0 {
            running.remove(0).stop().await;
        }
    }
    let balances = rig.check(&operations).await;
    assert_eq!(balances.values().sum::<i64>(), 300);
    for handler in running {
        handler.stop().await;
    }
}
