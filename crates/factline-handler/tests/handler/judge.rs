//! Judge: finds errors in a log, whatever was done to the handlers that wrote it.
//!
//! - Each requested operation has one end, deadlines included. No other operation has an end.
//! - Versions and partition sequences have neither gaps nor repetitions.
//!
//! It reads committed records, after every transaction on the topics has ended.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use factline::outcome::OutcomeKind;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use uuid::Uuid;

use crate::account::{ACCOUNT, Event};
use crate::rig::Rig;

pub(crate) struct Judged {
    /// Descriptions of the errors. Empty if the log is correct.
    pub wrong: Vec<String>,
    /// Balance of each account.
    pub balances: HashMap<String, i64>,
}

/// Judges a log whose commands must be decided within `patience`.
pub(crate) async fn judge(rig: &Rig, operations: &[Uuid], patience: Duration) -> Judged {
    let deadline = Instant::now() + patience;
    let mut wrong = Vec::new();
    let expected: HashSet<Uuid> = operations.iter().copied().collect();
    let ends = loop {
        let ends = ends(rig).await;
        let missing = expected.iter().filter(|asked| !ends.contains_key(asked));
        let missing = missing.count();
        if missing == 0 {
            break ends;
        }
        if Instant::now() > deadline {
            wrong.push(format!("{missing} operations have no end"));
            break ends;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    while !is_closed(rig).await {
        if Instant::now() > deadline + patience {
            wrong.push("a transaction stays open".to_owned());
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Transactions that were open may have been committed meanwhile.
    let ends = if wrong.is_empty() {
        self::ends(rig).await
    } else {
        ends
    };
    for (operation, kinds) in &ends {
        if kinds.len() > 1 {
            wrong.push(format!("operation {operation} ends {} times", kinds.len()));
        }
        if kinds.contains(&OutcomeKind::Command) && !expected.contains(operation) {
            wrong.push(format!("operation {operation} was not requested"));
        }
    }
    let balances = numbers(rig, &mut wrong).await;
    Judged { wrong, balances }
}

/// Returns the kinds of the ends of each operation that has ended.
async fn ends(rig: &Rig) -> BTreeMap<Uuid, Vec<OutcomeKind>> {
    let mut ends: BTreeMap<Uuid, Vec<OutcomeKind>> = BTreeMap::new();
    for outcome in rig.outcomes().await {
        if outcome.state.is_terminal() {
            ends.entry(outcome.operation_id)
                .or_default()
                .push(outcome.kind);
        }
    }
    ends
}

/// Checks the version and the partition sequence of every event, and sums up the balances.
async fn numbers(rig: &Rig, wrong: &mut Vec<String>) -> HashMap<String, i64> {
    let mut sequences: HashMap<i32, u64> = HashMap::new();
    let mut versions: HashMap<String, u64> = HashMap::new();
    let mut balances: HashMap<String, i64> = HashMap::new();
    for (record, envelope, event) in rig.events().await {
        let sequence = sequences.entry(record.partition).or_default();
        *sequence += 1;
        let version = versions.entry(envelope.subject.clone()).or_default();
        *version += 1;
        for (number, found, next) in [
            ("partition sequence", envelope.partition_sequence, *sequence),
            ("version", envelope.sequence, *version),
        ] {
            if found != Some(next) {
                wrong.push(format!(
                    "{number} at {} is {found:?} and not {next}",
                    record.place()
                ));
            }
        }
        if let Event::Deposited(deposited) = event {
            *balances.entry(envelope.subject).or_default() += deposited.amount;
        }
    }
    balances
}

/// Returns whether no transaction is open on the topics that handlers write to.
async fn is_closed(rig: &Rig) -> bool {
    let (kafka, topics) = (rig.kafka.clone(), rig.topics.clone());
    let look = move || {
        let reader = |isolation: &str| -> BaseConsumer {
            let mut config = kafka.client_config();
            config.set("group.id", "test-judge");
            config.set("isolation.level", isolation).create().unwrap()
        };
        let (stable, end) = (reader("read_committed"), reader("read_uncommitted"));
        let topics = [topics.events(), topics.outcomes()];
        topics.into_iter().all(|topic| {
            (0..ACCOUNT.partitions).all(|partition| {
                let last = |reader: &BaseConsumer| {
                    let ends = reader.fetch_watermarks(topic, partition, Duration::from_secs(10));
                    ends.unwrap().1
                };
                last(&stable) == last(&end)
            })
        })
    };
    tokio::task::spawn_blocking(look).await.unwrap()
}
