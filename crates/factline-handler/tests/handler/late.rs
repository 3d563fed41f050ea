//! Late responses of the broker.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use uuid::Uuid;

use crate::proxy::{Connections, Proxy};
use crate::rig::Rig;

/// Request numbers of Kafka's protocol.
const PRODUCE: i16 = 0;
const LIST_OFFSETS: i16 = 2;
const ADD_OFFSETS: i16 = 25;
const END_TRANSACTION: i16 = 26;
const COMMIT_OFFSETS: i16 = 28;

/// librdkafka looks up the end of a partition with a separate request. If the response arrives
/// after the client has sought another offset, librdkafka asks again and moves to the end. It
/// silently skips all records between. So the handler never gives it such a logical offset.
/// (`rd_kafka_toppar_handle_Offset` in librdkafka 2.12.)
#[tokio::test(flavor = "multi_thread")]
async fn late_response_skips_no_commands() {
    let (mut rig, proxy) = proxied_rig("late").await;
    // Longer than a restore of a nearly empty state. The readers of the state connect after the
    // group has its members, so their responses are not delayed.
    proxy.hold_back(
        LIST_OFFSETS,
        Duration::from_secs(3),
        Connections::BeforeSync,
    );
    rig.options.snapshot_every = 0;
    let mut operations = vec![rig.deposit("ada", 1).await];
    let handler = rig.start("a").await;
    // Longer than the delay of the response and the request that librdkafka sends half a second
    // after it.
    load(&rig, &mut operations, Duration::from_secs(6)).await;
    let balances = rig.check(&operations).await;
    assert_eq!(usize::try_from(balances["ada"]).unwrap(), operations.len());
    handler.stop().await;
}

/// If the response to a step of a transaction is missing, its result is unknown. In both cases the
/// commands are neither lost nor decided twice.
#[tokio::test(flavor = "multi_thread")]
async fn unanswered_transaction_step_neither_loses_nor_repeats_commands() {
    let (mut rig, proxy) = proxied_rig("unknown").await;
    // It also bounds how long a call is retried.
    rig.options.transaction_timeout_ms = 4_000;
    let mut operations = vec![rig.deposit("ada", 1).await];
    let handler = rig.start("a").await;
    for step in [END_TRANSACTION, COMMIT_OFFSETS, ADD_OFFSETS, PRODUCE] {
        proxy.hold_back(step, Duration::from_secs(9), Connections::All);
        load(&rig, &mut operations, Duration::from_secs(10)).await;
        proxy.reset();
        let balances = rig.check(&operations).await;
        assert_eq!(
            usize::try_from(balances["ada"]).unwrap(),
            operations.len(),
            "responses to requests of number {step} were late"
        );
    }
    let reasons = handler.reports.reasons();
    let unknown = reasons
        .iter()
        .any(|reason| reason.contains("is unknown: commit"));
    assert!(unknown, "no step had an unknown result: {reasons:?}");
    handler.stop().await;
}

/// Sends one hundred commands per second for the given time.
async fn load(rig: &Rig, operations: &mut Vec<Uuid>, lasts: Duration) {
    let start = Instant::now();
    while start.elapsed() < lasts {
        operations.push(rig.deposit("ada", 1).await);
        sleep(Duration::from_millis(10)).await;
    }
}

/// Creates a rig whose handlers connect through a proxy.
async fn proxied_rig(name: &str) -> (Rig, Proxy) {
    let (proxy, servers, address) = Proxy::to_servers().await;
    let mut rig = Rig::on(servers, name).await;
    rig.kafka.brokers = address;
    (rig, proxy)
}
