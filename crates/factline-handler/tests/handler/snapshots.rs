//! Snapshots make restarts short, and nothing depends on them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use factline::outcome::State;
use rand::{RngExt as _, SeedableRng as _};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
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

/// Events of a partition between two rounds, in these tests.
const EVERY: u32 = 20;

async fn rig(name: &str) -> Rig {
    let mut rig = Rig::new(name).await;
    rig.options.snapshot_every = EVERY;
    rig
}

/// Some accounts, the same number in each partition.
fn accounts() -> Vec<String> {
    let of = |partition| {
        let names = (0..1_000).map(|number| format!("account-{number}"));
        names
            .filter(move |name| partition_of(name.as_bytes(), ACCOUNT.partitions) == partition)
            .take(4)
    };
    (0..ACCOUNT.partitions).flat_map(of).collect()
}

/// Deposits 1 on each, so often, one round after another.
async fn deposit(rig: &Rig, rounds: usize) -> Vec<Uuid> {
    let mut operations = Vec::new();
    for _ in 0..rounds {
        let before = operations.len();
        for account in accounts() {
            operations.push(rig.deposit(&account, 1).await);
        }
        // A batch of its own for each round, so that there are many.
        rig.outcomes_of(&operations[before..]).await;
    }
    operations
}

/// The newest cover of each partition.
async fn covers(rig: &Rig) -> HashMap<i32, Value> {
    let records = rig.read(rig.topics.snapshots()).await.into_iter();
    let covers = records.filter(|record| record.key.as_deref() == Some(b"cover"));
    // Of one that was erased there is no value.
    covers
        .filter_map(|record| Some((record.partition, record.value?)))
        .map(|(partition, value)| (partition, serde_json::from_slice(&value).unwrap()))
        .collect()
}

/// Where the tail of each partition begins.
async fn tails(rig: &Rig) -> HashMap<i32, i64> {
    let covers = covers(rig).await.into_iter();
    covers
        .map(|(partition, cover)| (partition, cover["tail"]["offset"].as_i64().unwrap()))
        .collect()
}

/// Instead of an offset: everything.
const ALL: i64 = -1;

/// Deletes the records of a topic below these offsets.
async fn delete(rig: &Rig, topic: &str, below: &HashMap<i32, i64>) {
    if below.is_empty() {
        return;
    }
    let admin: AdminClient<DefaultClientContext> = rig.kafka.client_config().create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    if topic == rig.topics.snapshots() {
        // Of a topic that is only compacted, brokers delete nothing.
        let policy = AlterConfig::new(ResourceSpecifier::Topic(topic))
            .set("cleanup.policy", "compact,delete")
            .set("retention.ms", "-1");
        for result in admin.alter_configs(&[policy], &options).await.unwrap() {
            result.unwrap();
        }
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
    let deleted = admin.delete_records(&list, &options).await.unwrap();
    assert!(deleted.elements().iter().all(|place| place.error().is_ok()));
}

/// What a handler believes the balances to be: it tells when it refuses to pay out more.
async fn balances(rig: &Rig) -> HashMap<String, i64> {
    let mut asked = HashMap::new();
    for account in accounts() {
        let amount = i64::MAX;
        let command = Withdraw { amount }.into();
        let operation = rig.send(Uuid::now_v7(), &account, &command).await;
        asked.insert(operation, account);
    }
    let operations: Vec<Uuid> = asked.keys().copied().collect();
    let outcomes = rig.outcomes_of(&operations).await;
    let told = asked.into_iter().map(|(operation, account)| {
        let outcome = &outcomes[&operation];
        assert_eq!(outcome.state, State::Rejected, "{outcome:?}");
        let reason = outcome.reason.as_deref().unwrap();
        let balance = reason.strip_prefix("the balance is ").unwrap();
        (account, balance.parse().unwrap())
    });
    told.collect()
}

/// The events that a snapshot covers are gone, which nobody may do who cares for his history: so it is sure that a restart
/// does not read them. Among them are all that an account had that has rested since.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_reads_only_what_is_not_covered() {
    let rig = rig("snapshots").await;
    let first = rig.start("a").await;
    for account in ["idle-0", "idle-1", "idle-2", "idle-3", "idle-4"] {
        rig.deposit(account, 5).await;
    }
    deposit(&rig, 20).await;
    first.stop().await;
    let tails = tails(&rig).await;
    assert_eq!(tails.len(), usize::try_from(ACCOUNT.partitions).unwrap());
    // The rounds have gone on, whatever rests.
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

    // Without snapshots nothing can make up for them, and nothing pretends to.
    let ends: HashMap<i32, i64> = (0..ACCOUNT.partitions)
        .map(|number| (number, ALL))
        .collect();
    delete(&rig, rig.topics.snapshots(), &ends).await;
    let third = rig.launch("a");
    eventually("the handler says what is missing", async || {
        third.state().is_some_and(|state| {
            state.is_err_and(|why| why.contains("does not continue the history"))
        })
    })
    .await;
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_are_wiped_lose_nothing() {
    lose(Lost::All).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_are_wiped_in_part_lose_nothing() {
    lose(Lost::Oldest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_whose_cover_is_gone_lose_nothing() {
    lose(Lost::Cover).await;
}

#[derive(Debug, Clone, Copy)]
enum Lost {
    All,
    /// The newest cover stays, and of the aggregates some.
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
    // They were made anew, and are believed again.
    let tails = tails(&rig).await;
    delete(&rig, rig.topics.events(), &tails).await;
    let third = rig.start("a").await;
    assert_eq!(balances(&rig).await, found);
    third.stop().await;
}

/// Writes a record of the snapshots, as nobody should.
fn overwrite(rig: &Rig, partition: i32, key: &str, value: Option<(&Uuid, &str)>) {
    let id = format!("{}stranger", rig.kafka.topic_prefix);
    let stranger = transactional(rig, &id, Duration::from_secs(20));
    stranger.begin_transaction().unwrap();
    let topic = rig.topics.snapshots();
    let record = BaseRecord::<str, [u8]>::to(topic)
        .partition(partition)
        .key(key);
    match value {
        None => stranger.send(record).unwrap(),
        Some((lineage, value)) => {
            let lineage = lineage.to_string();
            let header = rdkafka::message::Header {
                key: "factline_lineage",
                value: Some(&lineage),
            };
            let headers = rdkafka::message::OwnedHeaders::new().insert(header);
            stranger
                .send(record.payload(value.as_bytes()).headers(headers))
                .unwrap();
        }
    }
    stranger.flush(PATIENCE).unwrap();
    stranger.commit_transaction(PATIENCE).unwrap();
}

/// A state that was tampered with, one of another form and a cover that belongs to another version are not believed.
#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_are_not_what_they_were_are_discarded() {
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

/// What stands beside a state is in its snapshot, too: a deadline that waits, one that was spent, and the workflow that it
/// bounds.
#[tokio::test(flavor = "multi_thread")]
async fn deadlines_and_workflows_come_back_from_snapshots() {
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
    assert_eq!(decided, 3 + 160, "a deadline came before it was to");
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

/// Handlers that are stopped and started at random, while snapshots are written with nearly every batch: whatever a restart
/// reads, what it knows is what the log says.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_is_what_the_log_says() {
    let accounts = accounts();
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
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
        // Some are handled, some are left to the next.
        let first = sent.len() / random.random_range(1..4);
        rig.outcomes_of(&sent[..first]).await;
        operations.extend(sent);
        handler.stop().await;
    }
    let handler = rig.start("a").await;
    let found = rig.check(&operations).await;
    let mut told = balances(&rig).await;
    told.retain(|_, balance| *balance != 0);
    assert_eq!(told, found);
    handler.stop().await;
}

/// A partition whose aggregates take more than they may stops, and says so; also at the next start.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_takes_too_much_memory_stops() {
    let mut rig = rig("heavy").await;
    rig.options.state_limit_mb = 1;
    let handler = rig.start("a").await;
    // Ids of a kilobyte, so that few are needed.
    let mut accounts = 0;
    let full = |state: Option<Result<(), String>>| {
        state.is_some_and(|state| state.is_err_and(|why| why.contains("--state-limit-mb")))
    };
    while !full(handler.state()) {
        assert!(accounts < 10_000, "nothing stops");
        for number in accounts..accounts + 500 {
            rig.deposit(&format!("{number:01000}"), 1).await;
        }
        accounts += 500;
    }
    handler.stop().await;
    let again = rig.launch("a");
    eventually("the handler says so again", async || full(again.state())).await;
    again.stop().await;
    rig.options.state_limit_mb = 64;
    let relieved = rig.start("a").await;
    let last = rig.deposit("last", 1).await;
    rig.outcomes_of(&[last]).await;
    eventually("nothing is lost", async || {
        rig.events().await.len() == accounts + 1
    })
    .await;
    relieved.stop().await;
}
