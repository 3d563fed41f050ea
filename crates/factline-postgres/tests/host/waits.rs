//! Reads that wait for a position.

use std::time::{Duration, Instant};

use factline::{Point, Position};
use factline_postgres::consistent_read::{ConsistentReads, Error};
use tokio_util::sync::CancellationToken;

use crate::stage::{PATIENCE, Stage};

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
