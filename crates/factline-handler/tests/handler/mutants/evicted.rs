//! The group has given a handler's partitions to another, and it does not know: as after a pause, or where its heartbeats are
//! lost. It stands between two steps of its transaction meanwhile, and then goes on.
//!
//! It is taken out of the group as an administrator would do it, while its next heartbeat is far away: so the time in which
//! it believes what is no longer true is not a matter of luck.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use factline::outcome::OutcomeKind;
use factline_failpoints::Mutant;
use factline_handler::log_events::{PARTITIONS_REVOKED, WORKER_RESTARTED};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use uuid::Uuid;

use super::{Wrong, environment, finds, passes, patience};
use crate::deadlines::schedule;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::{Rig, eventually};
use crate::takeover::accounts;

/// It stands still before it writes what it has decided.
const BEFORE_IT_WRITES: (&str, Duration) = ("decided=1:8000", Duration::from_secs(8));
/// It stands still everywhere, for less than a transaction may last.
const ANYWHERE: (&str, Duration) = ("*=1:1500", Duration::from_secs(8));

/// What it decides and is not to write are deadlines: transactions that consume nothing.
async fn deadlines_are_due(mutant: Option<Mutant>, (pauses, longest): (&str, Duration)) -> Wrong {
    const DEADLINES: usize = 40;
    let rig = Rig::new("evicted").await;
    let mut operations: Vec<Uuid> = Vec::new();
    for number in 0..DEADLINES {
        let account = format!("account-{number}");
        operations.push(schedule(&rig, &account, 500, 1, false).await);
    }
    let ways = [
        ("FACTLINE_PAUSES", pauses),
        // It asks after its membership at a quarter of this.
        ("FACTLINE_SESSION_TIMEOUT_MS", "240000"),
    ];
    let mut zombie = Process::start_with(&rig, "", &environment(mutant, &ways));
    rig.outcomes_of(&operations).await;
    // Now the deadlines are due, and it decides them.
    let pause = tokio::spawn(tokio::time::sleep(longest + Duration::from_secs(1)));
    evict_everybody(&rig).await;
    let second = rig.start("").await;
    eventually("the deadlines are decided", async || {
        let outcomes = rig.outcomes().await;
        let deadlines = outcomes
            .iter()
            .filter(|outcome| outcome.kind == OutcomeKind::Deadline);
        deadlines.count() >= DEADLINES
    })
    .await;
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    // What it had decided is written by then, or refused.
    pause.await.unwrap();
    zombie.kill();
    let wrong = judge(&rig, &operations, patience(mutant)).await.wrong;
    second.stop().await;
    wrong
}

/// Takes every member out of the handlers' group.
async fn evict_everybody(rig: &Rig) {
    let (kafka, group) = (rig.kafka.clone(), rig.topics.handler_group().to_owned());
    let evict = move || {
        let observer: BaseConsumer = kafka.client_config().create().unwrap();
        let groups = observer
            .fetch_group_list(Some(&group), Duration::from_secs(10))
            .unwrap();
        let members = groups.groups()[0].members();
        assert!(!members.is_empty(), "nobody is in the group");
        for member in members {
            leave(&kafka.brokers, &group, member.id());
        }
    };
    tokio::task::spawn_blocking(evict).await.unwrap();
}

/// A member's `LeaveGroup` (version 1), sent by somebody else; librdkafka has no call for it.
fn leave(broker: &str, group: &str, member: &str) {
    let mut request = vec![0, 13, 0, 1, 0, 0, 0, 1];
    for text in ["test-administrator", group, member] {
        request.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
        request.extend(text.as_bytes());
    }
    let length = i32::try_from(request.len()).unwrap().to_be_bytes();
    let mut broker = TcpStream::connect(broker).unwrap();
    broker.write_all(&[&length, &request[..]].concat()).unwrap();
    // Its length and number (4 each), how long to wait (4), and the error (2).
    let mut answer = [0; 14];
    broker.read_exact(&mut answer).unwrap();
    assert_eq!(answer[12..], [0, 0], "the member cannot be evicted");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_evicted_before_it_writes_writes_nothing() {
    passes(async |mutant| deadlines_are_due(mutant, BEFORE_IT_WRITES).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_evicted_anywhere_writes_nothing_twice() {
    passes(async |mutant| deadlines_are_due(mutant, ANYWHERE).await).await;
}

/// Lines of librdkafka's log are events, as rebalances are. Who has many of the former must not wait long for the latter.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_evicted_and_logs_much_comes_back() {
    let rig = Rig::new("wordy").await;
    let wordy = [
        ("RUST_LOG", "librdkafka=debug,factline_handler=info"),
        ("FACTLINE_KAFKA_PROPERTIES", "debug=all"),
    ];
    let log = std::env::temp_dir().join(format!("{}log", rig.kafka.topic_prefix));
    let file = File::create(&log).unwrap();
    let handler = Process::start_logging(&rig, "", &wordy, file.into());
    let mut operations = vec![rig.deposit("ada", 1).await];
    rig.outcomes_of(&operations).await;
    evict_everybody(&rig).await;
    // It is at work when it hears of it: a batch has failed, and is to be tried again.
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;
    drop(handler);
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    assert!(text.contains(PARTITIONS_REVOKED), "no worker was expelled");
    // That a worker which never becomes a member is replaced in the end is another matter.
    assert!(!text.contains(WORKER_RESTARTED), "the worker was replaced");
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_no_deadline_offsets_is_detected() {
    let scenario = async |mutant| deadlines_are_due(mutant, BEFORE_IT_WRITES).await;
    finds(Mutant::NoDeadlineOffsets, 6, scenario).await;
}
