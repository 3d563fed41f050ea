//! Answers of the broker that come late.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use uuid::Uuid;

use crate::line::{Line, Whom};
use crate::rig::Rig;

/// Numbers of requests, see Kafka's protocol.
const PRODUCE: i16 = 0;
const LIST_OFFSETS: i16 = 2;
const ADD_OFFSETS: i16 = 25;
const END_TRANSACTION: i16 = 26;
const COMMIT_OFFSETS: i16 = 28;

/// librdkafka looks up where "the end" of a partition is by a question of its own. An answer that comes after the client was
/// sent elsewhere makes it ask once more, and go to the end: past whatever lies between, and without a word. So the handler
/// gives it no such offsets. (`rd_kafka_toppar_handle_Offset` in librdkafka 2.12.)
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_late_sends_nobody_past_commands() {
    let (mut rig, line) = a_rig("late").await;
    // Longer than a restore of next to nothing takes. Those that read the state are connected after the group has its
    // members, and are answered in time.
    line.hold_back(LIST_OFFSETS, Duration::from_secs(3), Whom::BeforeSync);
    rig.options.snapshot_every = 0;
    let mut operations = vec![rig.deposit("ada", 1).await];
    let handler = rig.start("a").await;
    // Beyond the late answer, and the question that librdkafka asks half a second after it.
    load(&rig, &mut operations, Duration::from_secs(6)).await;
    let balances = rig.check(&operations).await;
    assert_eq!(usize::try_from(balances["ada"]).unwrap(), operations.len());
    handler.stop().await;
}

/// Whether a step of a transaction was taken is not known when its answer does not come. Whatever was taken: it is neither
/// lost nor done again.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_answer_does_not_come_was_taken_once_or_not_at_all() {
    let (mut rig, line) = a_rig("unknown").await;
    // The time for which a call is made again, too.
    rig.options.transaction_timeout_ms = 4_000;
    let mut operations = vec![rig.deposit("ada", 1).await];
    let handler = rig.start("a").await;
    for step in [END_TRANSACTION, COMMIT_OFFSETS, ADD_OFFSETS, PRODUCE] {
        line.hold_back(step, Duration::from_secs(9), Whom::Everybody);
        load(&rig, &mut operations, Duration::from_secs(10)).await;
        line.pass();
        let balances = rig.check(&operations).await;
        assert_eq!(
            usize::try_from(balances["ada"]).unwrap(),
            operations.len(),
            "answers to requests of number {step} were late"
        );
    }
    let said = handler.said.lock().unwrap().clone();
    let unknown = said
        .iter()
        .any(|reason| reason.contains("is unknown: commit"));
    assert!(unknown, "the handler knew of each step: {said:?}");
    handler.stop().await;
}

/// Commands for so long, a hundred in a second.
async fn load(rig: &Rig, operations: &mut Vec<Uuid>, lasts: Duration) {
    let start = Instant::now();
    while start.elapsed() < lasts {
        operations.push(rig.deposit("ada", 1).await);
        sleep(Duration::from_millis(10)).await;
    }
}

/// A rig whose handlers come by a line.
async fn a_rig(name: &str) -> (Rig, Line) {
    let (line, servers, address) = Line::to_servers().await;
    let mut rig = Rig::on(servers, name).await;
    rig.kafka.brokers = address;
    (rig, line)
}
