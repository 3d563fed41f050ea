//! A database that goes back in time under a running follower, and a partition that does not move.

use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::stage::{PATIENCE, Stage, all, eventually};

/// Replaces the contents by those of an older copy: the rows and checkpoints up to a sequence. The
/// sequence must be in the first transaction of its partition: after that, markers move offsets.
async fn restore_copy_of(stage: &Stage, last: i64) {
    let mut copy = stage.pool.begin().await.unwrap();
    // The checkpoints first: their locks keep the follower from committing rows between these two
    // statements. Such rows would stay although their checkpoint is gone, as in no real copy.
    sqlx::query("update factline.checkpoint set next_offset = $1, sequence = $1")
        .bind(last)
        .execute(&mut *copy)
        .await
        .unwrap();
    sqlx::query("delete from stage.written where sequence > $1")
        .bind(last)
        .execute(&mut *copy)
        .await
        .unwrap();
    copy.commit().await.unwrap();
}

/// No event arrives that would make the follower look at its checkpoints.
#[tokio::test(flavor = "multi_thread")]
async fn idle_follower_notices_that_the_database_went_back_in_time() {
    let stage = Stage::set(2).await;
    stage.good(0, 1..=10).await;
    stage.good(1, 1..=10).await;
    let host = stage.follow("group");
    stage.until_written(20).await;
    host.until_ready().await;
    restore_copy_of(&stage, 4).await;
    stage.until_written(20).await;
    assert_eq!(stage.written().await, all(2, 10));
    // A copy from before the follower's first start.
    sqlx::raw_sql("begin; delete from stage.written; delete from factline.checkpoint; commit")
        .execute(&stage.pool)
        .await
        .unwrap();
    stage.until_written(20).await;
    assert_eq!(stage.written().await, all(2, 10));
    stage.good(1, 11..=11).await;
    stage.until_written(21).await;
    host.stop().await;
}

/// Its next transaction would not find its checkpoint, and does not write.
#[tokio::test(flavor = "multi_thread")]
async fn busy_follower_notices_that_the_database_went_back_in_time() {
    let stage = Stage::set(1).await;
    stage.good(0, 1..=10).await;
    let host = stage.follow("group");
    stage.until_written(10).await;
    for sequence in 11..=40 {
        stage.good(0, sequence..=sequence).await;
        if sequence % 10 == 0 {
            restore_copy_of(&stage, 4).await;
        }
    }
    // The sequences and not their number: a repeated row must fail the test at once.
    eventually("the last event is written", async || {
        stage.written().await.contains(&(0, 40))
    })
    .await;
    assert_eq!(stage.written().await, all(1, 40));
    host.stop().await;
}

/// A follower that cannot read its checkpoints does not know whether its rows are there.
#[tokio::test(flavor = "multi_thread")]
async fn idle_follower_is_not_ready_without_its_database() {
    let stage = Stage::set(1).await;
    let host = stage.follow("group");
    host.until_ready().await;
    let rename = |from: &str, to: &str| format!("alter table factline.{from} rename to {to}");
    let away = sqlx::AssertSqlSafe(rename("checkpoint", "away"));
    sqlx::query(away).execute(&stage.pool).await.unwrap();
    host.until_it_reports("cannot read checkpoints").await;
    let back = sqlx::AssertSqlSafe(rename("away", "checkpoint"));
    sqlx::query(back).execute(&stage.pool).await.unwrap();
    host.until_ready().await;
    host.stop().await;
}

/// Records behind an open transaction of a foreign producer cannot be read. No error says so.
#[tokio::test(flavor = "multi_thread")]
async fn partition_that_has_records_and_does_not_move_is_named() {
    let stage = Stage::set(2).await;
    let host = stage.follow("group");
    host.until_ready().await;
    let mut config = stage.kafka.client_config();
    config.set("transactional.id", format!("{}.foreign", stage.topic));
    config.set("transaction.timeout.ms", "600000");
    let foreign: BaseProducer = config.create().unwrap();
    let topic = stage.topic.clone();
    let foreign = tokio::task::spawn_blocking(move || {
        foreign.init_transactions(PATIENCE).unwrap();
        foreign.begin_transaction().unwrap();
        let record = BaseRecord::<str, str>::to(&topic).partition(1).payload("x");
        foreign.send(record).unwrap();
        foreign.flush(PATIENCE).unwrap();
        foreign
    })
    .await
    .unwrap();
    stage.good(0, 1..=1).await;
    stage.good(1, 1..=1).await;
    stage.until_written(1).await;
    let named = format!("{}/1 has records and has not moved for 30 s", stage.topic);
    host.until_it_reports(&named).await;
    tokio::task::spawn_blocking(move || foreign.abort_transaction(PATIENCE).unwrap())
        .await
        .unwrap();
    stage.until_written(2).await;
    host.until_ready().await;
    host.stop().await;
}
