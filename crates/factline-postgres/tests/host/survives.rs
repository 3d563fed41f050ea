//! Exactly-once writes through restarts, rebalances and lost connections.

use crate::stage::{Stage, all, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn aborted_transactions_and_restarts_neither_lose_nor_repeat_records() {
    let stage = Stage::set(3).await;
    for round in 0..4_u64 {
        let host = stage.follow("group");
        for partition in 0..3 {
            // Aborted records leave gaps in the offsets, and their sequences are used again.
            let sequences = round * 50 + 1..=round * 50 + 50;
            let bad = sequences
                .clone()
                .map(|sequence| (partition, sequence, "aborted"));
            stage.append(bad.collect(), false).await;
            stage.good(partition, sequences).await;
        }
        // Stopped in the middle of the round. The next host resumes there.
        stage
            .until_written(usize::try_from(round).unwrap() * 150 + 20)
            .await;
        host.stop().await;
    }
    let host = stage.follow("group");
    stage.until_written(600).await;
    host.stop().await;
    assert_eq!(stage.written().await, all(3, 200));
    for checkpoint in stage.checkpoints().await {
        assert_eq!(checkpoint.cursor.sequence, 200);
        assert!(checkpoint.cursor.next_offset > 400, "{checkpoint:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_of_the_same_partitions_write_each_record_once() {
    let stage = Stage::set(2).await;
    // Two groups: each host is assigned every partition, as a paused zombie still assumes.
    let (one, other) = (stage.follow("one"), stage.follow("other"));
    one.until_ready().await;
    other.until_ready().await;
    for round in 0..20_u64 {
        for partition in 0..2 {
            stage
                .good(partition, round * 10 + 1..=round * 10 + 10)
                .await;
        }
    }
    stage.until_written(400).await;
    one.stop().await;
    other.stop().await;
    assert_eq!(stage.written().await, all(2, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn rebalance_neither_loses_nor_repeats_records() {
    let stage = Stage::set(4).await;
    let first = stage.follow("group");
    for partition in 0..4 {
        stage.good(partition, 1..=500).await;
    }
    let second = stage.follow("group");
    second.until_ready().await;
    for partition in 0..4 {
        stage.good(partition, 501..=1000).await;
    }
    first.stop().await;
    for partition in 0..4 {
        stage.good(partition, 1001..=1100).await;
    }
    stage.until_written(4400).await;
    second.stop().await;
    assert_eq!(stage.written().await, all(4, 1100));
}

#[tokio::test(flavor = "multi_thread")]
async fn host_recovers_from_lost_connections() {
    let stage = Stage::set(1).await;
    let host = stage.follow("group");
    host.until_ready().await;
    for round in 0..10_u64 {
        stage.good(0, round * 20 + 1..=round * 20 + 20).await;
        // Terminates every connection except this one, in any state.
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .execute(&stage.pool)
        .await
        .unwrap();
    }
    eventually("200 records are written", async || {
        let count = "select count(*) from stage.written";
        let count = sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&stage.pool)
            .await;
        count.is_ok_and(|count| count >= 200)
    })
    .await;
    host.until_ready().await;
    host.stop().await;
    assert_eq!(stage.written().await, all(1, 200));
}
