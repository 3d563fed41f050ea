//! The group has assigned a handler's partitions to another member, and the handler does not know
//! it. This happens after a pause, or when its heartbeats are lost. The handler pauses between two
//! steps of its transaction meanwhile, and then continues.
//!
//! It is expelled from the group by an administrative request, long before its next heartbeat. So
//! the time in which its knowledge is outdated does not depend on chance.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use factline_failpoints::Mutant;
use factline_handler::log_events::{PARTITIONS_REVOKED, WORKER_RESTARTED};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use uuid::Uuid;

use super::{Wrong, environment, finds, passes, patience};
use crate::deadlines::schedule;
use crate::judge::judge;
use crate::process::Process;
use crate::rig::Rig;
use crate::takeover::accounts;

/// Pause before the handler writes its decisions.
const BEFORE_WRITE: &str = "decided=1:8000";

/// Pauses everywhere, each shorter than the transaction timeout.
const ANYWHERE: &str = "*=1:1500";

/// Maximum sum of the pauses of one transaction.
const LONGEST: Duration = Duration::from_secs(8);

/// The decisions that it must not write are deadlines: their transactions consume nothing.
async fn deadlines_are_due(mutant: Option<Mutant>, pauses: &str) -> Wrong {
    const DEADLINES: usize = 40;
    let rig = Rig::new("evicted").await;
    let mut operations: Vec<Uuid> = Vec::new();
    for number in 0..DEADLINES {
        let account = format!("account-{number}");
        operations.push(schedule(&rig, &account, 500, 1, false).await);
    }
    let ways = [
        ("FACTLINE_PAUSES", pauses),
        // The interval of its heartbeats is a quarter of this.
        ("FACTLINE_SESSION_TIMEOUT_MS", "240000"),
    ];
    let mut zombie = Process::start_with(&rig, "", &environment(mutant, &ways));
    rig.outcomes_of(&operations).await;
    // Now the deadlines are due, and the handler decides them.
    let pause = tokio::spawn(tokio::time::sleep(LONGEST + Duration::from_secs(1)));
    expel_all_members(&rig).await;
    let second = rig.start("").await;
    rig.until_deadlines_decided(DEADLINES).await;
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    // By then its decisions are written or rejected.
    pause.await.unwrap();
    zombie.kill();
    let wrong = judge(&rig, &operations, patience(mutant)).await.wrong;
    second.stop().await;
    wrong
}

/// Expels every member from the handlers' group.
async fn expel_all_members(rig: &Rig) {
    let (kafka, group) = (rig.kafka.clone(), rig.topics.handler_group().to_owned());
    let expel = move || {
        let observer: BaseConsumer = kafka.client_config().create().unwrap();
        let groups = observer
            .fetch_group_list(Some(&group), Duration::from_secs(10))
            .unwrap();
        let members = groups.groups()[0].members();
        assert!(!members.is_empty(), "the group has no members");
        for member in members {
            leave(&kafka.brokers, &group, member.id());
        }
    };
    tokio::task::spawn_blocking(expel).await.unwrap();
}

/// Sends `LeaveGroup` (version 1) on behalf of a member. librdkafka has no call for it.
fn leave(broker: &str, group: &str, member: &str) {
    let mut request = vec![0, 13, 0, 1, 0, 0, 0, 1];
    for text in ["test-administrator", group, member] {
        request.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
        request.extend(text.as_bytes());
    }
    let length = i32::try_from(request.len()).unwrap().to_be_bytes();
    let mut broker = TcpStream::connect(broker).unwrap();
    broker.write_all(&[&length, &request[..]].concat()).unwrap();
    // Length and correlation id (4 bytes each), throttle time (4), and error code (2).
    let mut answer = [0; 14];
    broker.read_exact(&mut answer).unwrap();
    assert_eq!(answer[12..], [0, 0], "the member cannot be expelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_expelled_before_its_write_writes_nothing() {
    passes(async |mutant| deadlines_are_due(mutant, BEFORE_WRITE).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_expelled_at_any_step_writes_nothing_twice() {
    passes(async |mutant| deadlines_are_due(mutant, ANYWHERE).await).await;
}

/// Lines of librdkafka's log are client events, as rebalances are. Many log lines must not delay a
/// rebalance for long.
#[tokio::test(flavor = "multi_thread")]
async fn expelled_worker_with_many_log_events_rejoins() {
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
    expel_all_members(&rig).await;
    // The worker is busy when it learns of the rebalance: a batch has failed and is to be retried.
    for account in accounts() {
        operations.push(rig.deposit(&account, 1).await);
    }
    rig.outcomes_of(&operations).await;
    drop(handler);
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let logged = |event: &str| text.contains(&format!("event={event:?}"));
    assert!(logged(PARTITIONS_REVOKED), "no worker was expelled");
    // The replacement of a worker that never becomes a member again is covered elsewhere.
    assert!(!logged(WORKER_RESTARTED), "the worker was replaced");
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn mutant_no_deadline_offsets_is_detected() {
    let scenario = async |mutant| deadlines_are_due(mutant, BEFORE_WRITE).await;
    finds(Mutant::NoDeadlineOffsets, 6, scenario).await;
}
