//! Reads that wait for a position.

use std::time::{Duration, Instant};

use factline::{Point, Position};
use factline_postgres::consistent_read::{ConsistentReads, Error};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::stage::{PATIENCE, Stage, eventually};

const CHECKPOINTS: &str = "factline.checkpoint";

fn snapshots(stage: &Stage, patience: Duration) -> ConsistentReads {
    ConsistentReads::new(stage.pool.clone(), patience, CancellationToken::new())
}

async fn position(stage: &Stage, sequence: u64) -> Position {
    let checkpoints = stage.checkpoints().await;
    Position::at(Point {
        topic: stage.topic.clone(),
        identity: checkpoints[0].topic_identity.clone(),
        partition: 0,
        sequence,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_wakes_at_its_position_and_sees_the_rows() {
    let stage = Stage::set(1).await;
    let host = stage.follow("group");
    host.until_ready().await;
    let position = position(&stage, 5).await;
    let snapshots = snapshots(&stage, PATIENCE);
    let reading = tokio::spawn(async move {
        let mut snapshot = snapshots.begin(CHECKPOINTS, Some(&position)).await.unwrap();
        let count = "select count(*) from stage.written";
        sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&mut *snapshot)
            .await
            .unwrap()
    });
    stage.good(0, 1..=3).await;
    stage.until_written(3).await;
    assert!(!reading.is_finished());
    stage.good(0, 4..=5).await;
    assert_eq!(reading.await.unwrap(), 5);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_waits_at_most_its_limit() {
    let stage = Stage::set(1).await;
    let snapshots = snapshots(&stage, Duration::from_millis(300));
    let unreachable = Position::at(Point {
        topic: stage.topic.clone(),
        identity: "00000000".to_owned(),
        partition: 0,
        sequence: 1,
    });
    let begun = Instant::now();
    let nothing_yet = snapshots.begin(CHECKPOINTS, Some(&unreachable)).await;
    assert!(matches!(
        nothing_yet,
        Err(Error::Behind { sequence: 1, .. })
    ));
    assert!((300..2000).contains(&begun.elapsed().as_millis()));

    let host = stage.follow("group");
    host.until_ready().await;
    let other = snapshots.begin(CHECKPOINTS, Some(&unreachable)).await;
    assert!(matches!(other, Err(Error::OtherTopic { .. })), "{other:?}");

    let mut foreign = position(&stage, 0).await;
    foreign.merge(&Position::at(Point {
        topic: "not.followed.events".to_owned(),
        identity: "00000000".to_owned(),
        partition: 0,
        sequence: 9,
    }));
    snapshots
        .begin(CHECKPOINTS, Some(&foreign))
        .await
        .expect("topics that the view does not follow are ignored");
    host.stop().await;
}

/// Checkpoints, and the number of statements that have read them outside of a snapshot.
const COUNTED: &str = "stage.counted";

async fn count_loads(stage: &Stage) {
    sqlx::raw_sql(
        "create sequence stage.loads;
         create view stage.counted as
         with load as materialized (
             select case when current_setting('transaction_read_only') = 'off'
                         then nextval('stage.loads') end
         )
         select checkpoint.* from load, factline.checkpoint",
    )
    .execute(&stage.pool)
    .await
    .unwrap();
}

async fn loads(stage: &Stage) -> i64 {
    sqlx::query_scalar("select case when is_called then last_value else 0 end from stage.loads")
        .fetch_one(&stage.pool)
        .await
        .unwrap()
}

/// Returns a pool whose connections can be told from others.
async fn reader_pool(stage: &Stage) -> PgPool {
    let options: PgConnectOptions = stage.url().parse().unwrap();
    let options = options.application_name("waiting reader");
    PgPoolOptions::new().connect_with(options).await.unwrap()
}

/// Starts readers, and waits until as many wait as are permitted.
async fn wait(
    snapshots: &ConsistentReads,
    positions: impl IntoIterator<Item = Position>,
) -> JoinSet<Result<(), Error>> {
    let begin = async |snapshots: ConsistentReads, position: Position| {
        let snapshot = snapshots.begin(COUNTED, Some(&position)).await;
        snapshot.map(drop)
    };
    let mut waiting = JoinSet::new();
    let mut last = None;
    for position in positions {
        last = Some(position.clone());
        let snapshots = snapshots.clone();
        waiting.spawn(async move {
            loop {
                // The probe below may have taken the last permit.
                match begin(snapshots.clone(), position.clone()).await {
                    Err(Error::Busy) => {}
                    result => return result,
                }
            }
        });
    }
    let last = last.unwrap();
    eventually("all readers wait", async || {
        let beyond = begin(snapshots.clone(), last.clone());
        let beyond = tokio::time::timeout(Duration::from_secs(1), beyond).await;
        matches!(beyond, Ok(Err(Error::Busy)))
    })
    .await;
    waiting
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_readers_share_the_loads_of_checkpoints() {
    let stage = Stage::set(1).await;
    count_loads(&stage).await;
    let host = stage.follow("group");
    host.until_ready().await;
    let snapshots = snapshots(&stage, PATIENCE).max_waiting(200);
    let (near, far) = (position(&stage, 10).await, position(&stage, 20).await);
    let all = [vec![near; 100], vec![far; 100]].concat();
    let mut waiting = wait(&snapshots, all).await;

    let (before, begun) = (loads(&stage).await, Instant::now());
    for sequence in 1..=10 {
        stage.good(0, sequence..=sequence).await;
        stage
            .until_written(usize::try_from(sequence).unwrap())
            .await;
    }
    for _ in 0..100 {
        waiting.join_next().await.unwrap().unwrap().unwrap();
    }
    assert_eq!(waiting.len(), 100, "woken before their position");
    // At each notification and each 100 ms. Each reader on its own would have loaded 2000 times.
    let loaded = loads(&stage).await - before;
    let most = 10 + begun.elapsed().as_millis() / 100 + 1;
    assert!(
        u128::from(loaded.cast_unsigned()) <= most,
        "{loaded} of {most}"
    );

    stage.good(0, 11..=20).await;
    for woken in waiting.join_all().await {
        woken.unwrap();
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_readers_survive_the_loss_of_their_connections() {
    let stage = Stage::set(1).await;
    count_loads(&stage).await;
    let host = stage.follow("group");
    host.until_ready().await;
    let pool = reader_pool(&stage).await;
    let snapshots = ConsistentReads::new(pool, PATIENCE, CancellationToken::new());
    let position = position(&stage, 3).await;
    let waiting = wait(&snapshots.max_waiting(10), vec![position; 10]).await;
    let cut: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where application_name = 'waiting reader'",
    )
    .fetch_one(&stage.pool)
    .await
    .unwrap();
    assert!(cut > 0);
    stage.good(0, 1..=3).await;
    for woken in waiting.join_all().await {
        woken.unwrap();
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_beyond_the_limit_are_refused_at_once() {
    let stage = Stage::set(1).await;
    count_loads(&stage).await;
    let host = stage.follow("group");
    host.until_ready().await;
    let snapshots = snapshots(&stage, PATIENCE).max_waiting(2);
    let position = position(&stage, 1).await;
    let waiting = wait(&snapshots, vec![position; 2]).await;
    // A reader that does not wait needs no permit.
    snapshots.begin(COUNTED, None).await.unwrap();
    stage.good(0, 1..=1).await;
    for woken in waiting.join_all().await {
        woken.unwrap();
    }
    host.stop().await;
}
