//! Rules on which exactly-once depends. Each test fails when its rule is removed from the handler.
//! Rule 4 has its scenario and its mutant in `mutants::foreign`.

use std::time::Duration;

use factline::outcome::State;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::account::ACCOUNT;
use crate::rig::{PATIENCE, Rig, eventually};
use factline_kafka::producer::append::headers;
use factline_kafka::topics::partition_of;

/// Creates a transactional producer, like that of a zombie or an unrelated process.
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

/// Opens a transaction of another producer, with a record on each of the partitions.
pub(crate) async fn foreign_transaction(
    rig: &Rig,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> BaseProducer {
    let id = format!("{}foreign", rig.kafka.topic_prefix);
    let foreign_transaction = transactional(rig, &id, timeout);
    foreign_transaction.begin_transaction().unwrap();
    for partition in partitions {
        let record = BaseRecord::<str, [u8]>::to(topic).partition(*partition);
        foreign_transaction
            .send(record.key("x").payload(b"x"))
            .unwrap();
    }
    eventually(
        "the records of the foreign transaction are in the log",
        async || {
            foreign_transaction.poll(Duration::from_millis(10));
            foreign_transaction.in_flight_count() == 0
        },
    )
    .await;
    foreign_transaction
}

/// Rule 5. A producer that takes over the worker's `transactional.id` makes its calls fail at any
/// moment, commits included, and leaves their result unknown. State kept after such a failure would
/// show as a gap in the versions. (Whether state is adopted before the commit shows where
/// transactions are aborted: when partitions move, and when the broker rejects a record.)
#[tokio::test(flavor = "multi_thread")]
async fn state_matches_the_log_after_producer_fencing() {
    let rig = Rig::new("rule-5").await;
    let handler = rig.start("a").await;
    let id = format!("{}.a", rig.topics.handler_group());
    let mut operations = Vec::new();
    for round in 0..12 {
        for number in 0..25 {
            operations.push(rig.deposit(&format!("account-{}", number % 5), 1).await);
        }
        // Not awaited, so that the next commands are in progress while the producer is fenced.
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

/// Rule 6. Events whose numbers do not continue the history halt their partition, and readiness
/// reports it. The others continue.
#[tokio::test(flavor = "multi_thread")]
async fn broken_history_halts_only_its_partition() {
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
        handler.until_halted(partition).await;
        let outcomes = rig.outcomes().await;
        assert!(
            outcomes.iter().all(|outcome| outcome.operation_id != stuck),
            "{case}: decided on a broken history"
        );
        handler.stop().await;
    }
}

/// An event that cannot be read halts the restore of its partition and no other.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_event_halts_only_its_partition() {
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
    handler.until_halted(partition).await;
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
    let record = BaseRecord::to(rig.topics.events())
        .partition(partition)
        .key(&envelope.subject)
        .payload(value)
        .headers(headers(envelope.to_headers()));
    producer.send(record).unwrap();
    producer.flush(PATIENCE).unwrap();
}

/// Handlers join, leave and share partitions under load. No command is lost or repeated.
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
