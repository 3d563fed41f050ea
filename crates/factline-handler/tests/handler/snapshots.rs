//! Snapshots make restarts short, and correctness does not depend on them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use factline::outcome::State;
use rand::RngExt as _;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use uuid::Uuid;

use factline_kafka::topics::partition_of;

use crate::account::{ACCOUNT, PANICS, Withdraw};
use crate::deadlines::schedule;
use crate::rig::{PATIENCE, Rig, eventually};
use crate::rules::transactional;

/// Number of events of a partition between two snapshot rounds in these tests.
const EVERY: u32 = 20;

async fn rig(name: &str) -> Rig {
    let mut rig = Rig::new(name).await;
    rig.options.snapshot_every = EVERY;
    rig
}

/// Returns accounts, the same number in each partition.
fn accounts() -> Vec<String> {
    let of = |partition| {
        let names = (0..1_000).map(|number| format!("account-{number}"));
        names
            .filter(move |name| partition_of(name.as_bytes(), ACCOUNT.partitions) == partition)
            .take(4)
    };
    (0..ACCOUNT.partitions).flat_map(of).collect()
}

/// Deposits 1 on each account, `rounds` times.
async fn deposit(rig: &Rig, rounds: usize) -> Vec<Uuid> {
    let mut operations = Vec::new();
    for _ in 0..rounds {
        let before = operations.len();
        for account in accounts() {
            operations.push(rig.deposit(&account, 1).await);
        }
        // Each round is a separate batch, so that there are many batches.
        rig.outcomes_of(&operations[before..]).await;
    }
    operations
}

/// Returns the newest cover of each partition.
async fn covers(rig: &Rig) -> HashMap<i32, Value> {
    let records = rig.read(rig.topics.snapshots()).await.into_iter();
    let covers = records.filter(|record| record.key.as_deref() == Some(b"cover"));
    // A deleted cover has no value.
    covers
        .filter_map(|record| Some((record.partition, record.value?)))
        .map(|(partition, value)| (partition, serde_json::from_slice(&value).unwrap()))
        .collect()
}

/// Returns the offset at which the tail of each partition begins.
async fn tails(rig: &Rig) -> HashMap<i32, i64> {
    let covers = covers(rig).await.into_iter();
    covers
        .map(|(partition, cover)| (partition, cover["tail"]["offset"].as_i64().unwrap()))
        .collect()
}

/// Placeholder for an offset: all records.
const ALL: i64 = -1;

/// Deletes the records of a topic below these offsets.
async fn delete(rig: &Rig, topic: &str, below: &HashMap<i32, i64>) {
    if below.is_empty() {
        return;
    }
    let admin: AdminClient<DefaultClientContext> = rig.kafka.client_config().create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    if topic == rig.topics.snapshots() {
        // Brokers do not delete records of a topic that is only compacted.
        let policy = [("cleanup.policy", "compact,delete"), ("retention.ms", "-1")];
        rig.fixture.configure(topic, &policy).await;
    }
    let mut list = TopicPartitionList::new();
    for (partition, offset) in below {
        let offset = match *offset {
            ALL => Offset::End,
            offset => Offset::Offset(offset),
        };
        list.add_partition_offset(topic, *partition, offset)
            .unwrap();
    }
    // The broker answers before it has applied the changed policy, and refuses until then.
    let deleted = async || {
        let deleted = admin.delete_records(&list, &options).await.unwrap();
        let places = deleted.elements();
        places.iter().all(|place| place.error().is_ok())
    };
    eventually("records are deleted", deleted).await;
}

/// Returns the balances in the state of a handler. The handler reports a balance when it rejects a
/// larger withdrawal.
async fn balances(rig: &Rig) -> HashMap<String, i64> {
    balances_of(rig, accounts()).await
}

async fn balances_of(
    rig: &Rig,
    accounts: impl IntoIterator<Item = String>,
) -> HashMap<String, i64> {
    let mut asked = HashMap::new();
    for account in accounts {
        let amount = i64::MAX;
        let command = Withdraw { amount }.into();
        let operation = rig.send(Uuid::now_v7(), &account, &command).await;
        asked.insert(operation, account);
    }
    let operations: Vec<Uuid> = asked.keys().copied().collect();
    let outcomes = rig.outcomes_of(&operations).await;
    let balances = asked.into_iter().map(|(operation, account)| {
        let outcome = &outcomes[&operation];
        assert_eq!(outcome.state, State::Rejected, "{outcome:?}");
        let reason = outcome.reason.as_deref().unwrap();
        let balance = reason.strip_prefix("the balance is ").unwrap();
        (account, balance.parse().unwrap())
    });
    balances.collect()
}

/// The test deletes the events that a snapshot covers, which must never be done in production. So a
/// restart certainly does not read them. They include all events of accounts that have been idle
/// since.
#[tokio::test(flavor = "multi_thread")]
async fn restart_reads_only_events_after_the_cover() {
    let rig = rig("snapshots").await;
    let first = rig.start("a").await;
    for account in ["idle-0", "idle-1", "idle-2", "idle-3", "idle-4"] {
        rig.deposit(account, 5).await;
    }
    deposit(&rig, 20).await;
    first.stop().await;
    let tails = tails(&rig).await;
    assert_eq!(tails.len(), usize::try_from(ACCOUNT.partitions).unwrap());
    // The snapshot rounds have continued although some accounts are idle.
    for cover in covers(&rig).await.values() {
        assert!(cover["tail"]["sequence"].as_u64().unwrap() > 50, "{cover}");
    }
    delete(&rig, rig.topics.events(), &tails).await;

    let second = rig.start("a").await;
    let balances = balances(&rig).await;
    assert!(
        balances.values().all(|balance| *balance == 20),
        "{balances:?}"
    );
    for account in ["idle-0", "idle-1", "idle-2", "idle-3", "idle-4"] {
        let operation = rig.deposit(account, 1).await;
        let outcomes = rig.outcomes_of(&[operation]).await;
        assert_eq!(outcomes[&operation].version, Some(2), "{account}");
    }
    second.stop().await;

    // Without snapshots the deleted events cannot be replaced, and the handler must report that.
    let ends: HashMap<i32, i64> = (0..ACCOUNT.partitions)
        .map(|number| (number, ALL))
        .collect();
    delete(&rig, rig.topics.snapshots(), &ends).await;
    let third = rig.launch("a");
    for partition in 0..ACCOUNT.partitions {
        third.until_halted(partition).await;
    }
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_snapshots_lose_nothing() {
    lose(Lost::All).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partly_deleted_snapshots_lose_nothing() {
    lose(Lost::Oldest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_without_their_cover_lose_nothing() {
    lose(Lost::Cover).await;
}

#[derive(Debug, Clone, Copy)]
enum Lost {
    All,
    /// The newest cover stays, and some of the aggregates.
    Oldest,
    Cover,
}

async fn lose(lost: Lost) {
    let rig = rig("wiped").await;
    let first = rig.start("a").await;
    let mut operations = deposit(&rig, 10).await;
    first.stop().await;
    let records = rig.read(rig.topics.snapshots()).await;
    let mut below = HashMap::new();
    for partition in 0..ACCOUNT.partitions {
        let own = records
            .iter()
            .filter(|record| record.partition == partition);
        let own: Vec<i64> = own.map(|record| record.offset).collect();
        match lost {
            Lost::All => below.insert(partition, ALL),
            Lost::Oldest => below.insert(partition, own[own.len() - 4]),
            Lost::Cover => {
                overwrite(&rig, partition, "cover", None);
                None
            }
        };
    }
    delete(&rig, rig.topics.snapshots(), &below).await;
    let second = rig.start("a").await;
    operations.extend(deposit(&rig, 4).await);
    let found = rig.check(&operations).await;
    assert!(found.values().all(|balance| *balance == 14), "{found:?}");
    assert_eq!(balances(&rig).await, found);
    second.stop().await;
    // The snapshots were written again, and they are used again.
    let tails = tails(&rig).await;
    delete(&rig, rig.topics.events(), &tails).await;
    let third = rig.start("a").await;
    assert_eq!(balances(&rig).await, found);
    third.stop().await;
}

/// Writes a record to the snapshots topic, which no process but the handler may do.
fn overwrite(rig: &Rig, partition: i32, key: &str, value: Option<(&Uuid, &str)>) {
    let id = format!("{}forger", rig.kafka.topic_prefix);
    let forger = transactional(rig, &id, Duration::from_secs(20));
    forger.begin_transaction().unwrap();
    let topic = rig.topics.snapshots();
    let record = BaseRecord::<str, [u8]>::to(topic)
        .partition(partition)
        .key(key);
    match value {
        None => forger.send(record).unwrap(),
        Some((lineage, value)) => {
            let lineage = lineage.to_string();
            let header = rdkafka::message::Header {
                key: "factline_lineage",
                value: Some(&lineage),
            };
            let headers = rdkafka::message::OwnedHeaders::new().insert(header);
            forger
                .send(record.payload(value.as_bytes()).headers(headers))
                .unwrap();
        }
    }
    forger.flush(PATIENCE).unwrap();
    forger.commit_transaction(PATIENCE).unwrap();
}

/// A tampered state, a state of another form, and a cover of another version are discarded.
#[tokio::test(flavor = "multi_thread")]
async fn altered_snapshots_are_discarded() {
    let rig = rig("tampered").await;
    let first = rig.start("a").await;
    let mut operations = deposit(&rig, 10).await;
    first.stop().await;
    let covers = covers(&rig).await;
    let states: HashMap<String, _> = rig
        .read(rig.topics.snapshots())
        .await
        .into_iter()
        .map(|record| {
            (
                String::from_utf8(record.key.clone().unwrap()).unwrap(),
                record,
            )
        })
        .filter(|(key, _)| key != "cover")
        .collect();
    let mut touched = BTreeSet::new();
    for (key, record) in states {
        if !touched.insert(record.partition) {
            continue;
        }
        let lineage = covers[&record.partition]["lineage"].as_str().unwrap();
        let lineage = lineage.parse().unwrap();
        let state = String::from_utf8(record.value.unwrap()).unwrap();
        match touched.len() {
            1 => {
                let richer = state.replace("\"balance\":", "\"balance\":1");
                overwrite(&rig, record.partition, &key, Some((&lineage, &richer)));
            }
            2 => {
                let other = state.replace("\"balance\":", "\"amount\":1,\"balance\":");
                overwrite(&rig, record.partition, &key, Some((&lineage, &other)));
            }
            3 => {
                let mut cover = covers[&record.partition].clone();
                cover["state_version"] = 2.into();
                overwrite(
                    &rig,
                    record.partition,
                    "cover",
                    Some((&lineage, &cover.to_string())),
                );
            }
            _ => {
                let mut cover = covers[&record.partition].clone();
                cover["tail"]["offset"] = (cover["tail"]["offset"].as_i64().unwrap() - 2).into();
                overwrite(
                    &rig,
                    record.partition,
                    "cover",
                    Some((&lineage, &cover.to_string())),
                );
            }
        }
    }
    assert_eq!(touched.len(), 4);
    let second = rig.start("a").await;
    operations.extend(deposit(&rig, 2).await);
    let found = rig.check(&operations).await;
    assert!(found.values().all(|balance| *balance == 12), "{found:?}");
    assert_eq!(balances(&rig).await, found);
    second.stop().await;
}

/// A snapshot also contains the data beside the state: a pending deadline, a spent one, and the
/// workflow that a deadline bounds.
#[tokio::test(flavor = "multi_thread")]
async fn deadlines_and_workflows_are_restored_from_snapshots() {
    let rig = rig("waiting").await;
    let first = rig.start("a").await;
    let far = 15_000;
    let open = schedule(&rig, "open", far, 3, true).await;
    let plain = schedule(&rig, "plain", far, 4, false).await;
    let spent = schedule(&rig, "spent", 0, PANICS, true).await;
    rig.outcomes_of(&[spent]).await;
    let mut operations = vec![open, plain, spent];
    operations.extend(deposit(&rig, 10).await);
    first.stop().await;
    let decided = rig.events().await.len();
    assert_eq!(decided, 3 + 160, "a deadline was decided too early");
    let tails = tails(&rig).await;
    delete(&rig, rig.topics.events(), &tails).await;

    let second = rig.start("a").await;
    let outcomes = rig.outcomes_of(&operations).await;
    assert_eq!(outcomes[&open].code.as_deref(), Some("collected"));
    assert_eq!(outcomes[&spent].state, State::Failed);
    let deposited = async || {
        let events = rig.events().await.into_iter();
        let own = events
            .filter(|(_, envelope, _)| ["open", "plain"].contains(&envelope.subject.as_str()));
        own.map(|(_, envelope, _)| (envelope.subject, envelope.sequence))
            .collect::<Vec<_>>()
    };
    eventually("both deadlines were decided", async || {
        deposited().await.len() == 2
    })
    .await;
    assert!(
        deposited()
            .await
            .iter()
            .all(|(_, version)| *version == Some(2))
    );
    second.stop().await;
}

/// Handlers are stopped and started at random, while snapshots are written with nearly every batch.
/// The restored state matches the log, whatever a restart reads.
#[tokio::test(flavor = "multi_thread")]
async fn restored_state_matches_the_log() {
    let accounts = accounts();
    let mut random = factline_testkit::seeded_random();
    let mut rig = rig("random").await;
    let mut operations = Vec::new();
    for _ in 0..12 {
        rig.options.snapshot_every = random.random_range(1..40);
        rig.options.max_batch = random.random_range(1..30);
        let handler = rig.start("a").await;
        let mut sent = Vec::new();
        for _ in 0..random.random_range(1..120) {
            let account = &accounts[random.random_range(0..accounts.len())];
            sent.push(rig.deposit(account, random.random_range(1..100)).await);
        }
        // Some commands are handled, and some are left to the next handler.
        let first = sent.len() / random.random_range(1..4);
        rig.outcomes_of(&sent[..first]).await;
        operations.extend(sent);
        handler.stop().await;
    }
    let handler = rig.start("a").await;
    let found = rig.check(&operations).await;
    let mut restored = balances(&rig).await;
    restored.retain(|_, balance| *balance != 0);
    assert_eq!(restored, found);
    handler.stop().await;
}

/// States and ids that do not fit into memory move to the disk. Commands find them there, and a
/// restart recovers them within the same memory.
#[tokio::test(flavor = "multi_thread")]
async fn states_beyond_the_memory_budget_are_on_disk() {
    const ACCOUNTS: usize = 2000;
    let mut rig = rig("heavy").await;
    let folder = tempfile::tempdir().unwrap();
    rig.options.memory_mb = Some(1);
    rig.options.state_dir = Some(folder.path().to_owned());
    // Ids of one kilobyte, so that few are needed.
    let account = |number: usize| format!("{number:01000}");
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    // Each round has another order.
    for step in [1, 3, 7] {
        let handler = rig.start("a").await;
        let mut operations = Vec::new();
        for number in 0..ACCOUNTS {
            let number = number * step % ACCOUNTS;
            operations.push(rig.deposit(&account(number), 1).await);
        }
        rig.outcomes_of(&operations).await;
        assert_eq!(files(), 1);
        handler.stop().await;
        assert_eq!(files(), 0);
    }
    let handler = rig.start("a").await;
    let balances = balances_of(&rig, (0..ACCOUNTS).map(account)).await;
    assert_eq!(balances.len(), ACCOUNTS);
    assert!(balances.values().all(|balance| *balance == 3));
    handler.stop().await;
}
