//! The rows of the operations tracker, compared with the topics.

use std::collections::BTreeSet;

use factline_testkit::servers;
use sqlx::PgPool;
use uuid::Uuid;

use super::faults::{Log, PARTITION};
use super::{findings, order_in, pass, verify};
use crate::stage::Stage;

/// Creates the tables of a tracker. Returns their URL.
async fn tables() -> (String, PgPool) {
    let name = format!("tracked{}", Uuid::new_v4().simple());
    let postgres = &servers().await.postgres;
    let created = name.clone();
    let create = tokio::task::spawn_blocking(move || postgres.create_database(&created));
    create.await.unwrap().unwrap();
    let url = postgres.url(&name, "factline_tracker");
    let pool = PgPool::connect(&url).await.unwrap();
    factline_tracker::migrate(&pool).await.unwrap();
    (url, pool)
}

/// Writes the row of an operation, as the tracker does.
async fn row(pool: &PgPool, operation: Uuid, state: &str, place: &str) {
    let (topic, rest) = place.rsplit_once('/').unwrap();
    let (_, offset) = rest.split_once('@').unwrap();
    let rank: i16 = if state == "pending" { 0 } else { 2 };
    let insert = sqlx::query(
        "insert into operations.operation (id, state, rank, topic, partition, \"offset\", name, aggregate, \
         user_id, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, 'a.B', 'a.b', 'eve', now(), \
         now() - interval '1 hour') on conflict (id) do update set (state, topic, \"offset\") = \
         (excluded.state, excluded.topic, excluded.\"offset\")",
    );
    insert
        .bind(operation)
        .bind(state)
        .bind(rank)
        .bind(topic)
        .bind(PARTITION)
        .bind(offset.parse::<i64>().unwrap())
        .execute(pool)
        .await
        .unwrap();
}

/// Writes the tracker's checkpoint of a topic.
async fn reached(pool: &PgPool, topic: &str, next: i64) {
    let insert = sqlx::query(
        "insert into operations.checkpoint (view, version, topic, partition, topic_identity, next_offset, \
         sequence) values ('operations-tracker', 1, $1, $2, 'any', $3, 0)",
    );
    insert
        .bind(topic)
        .bind(PARTITION)
        .bind(next)
        .execute(pool)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_differ_from_the_topics_are_named() {
    let stage = Stage::with_topics("tracked").await;
    let (url, pool) = tables().await;
    let mut log = Log::new(&stage);
    let order = order_in(PARTITION);
    let mut ends = Vec::new();
    for _ in 0..4 {
        let command = log.command(order).await;
        let place = log.outcome(order, &command, "rejected").await;
        row(&pool, command.0, "rejected", &place).await;
        ends.push((command.0, place));
    }
    pass(&stage, PARTITION, log.count("commands")).await;
    let open = log.command(order).await;
    row(&pool, open.0, "pending", &open.1).await;
    let topics = &stage.topics;
    reached(&pool, topics.outcomes(), 4).await;
    reached(&pool, topics.commands(), 5).await;
    // The tracker has not read these.
    let late = log.command(order).await;
    log.outcome(order, &late, "rejected").await;
    let options = ["--database-url", &url];
    let (code, lines) = verify(&stage, &options).await;
    assert_eq!((code, lines.len()), (0, 1), "{lines:?}");

    let (one, two, three) = (&ends[1], &ends[2], &ends[3]);
    row(&pool, one.0, "failed", &one.1).await;
    row(&pool, two.0, "rejected", &three.1).await;
    for lost in [three.0, open.0] {
        let delete = sqlx::query("delete from operations.operation where id = $1");
        delete.bind(lost).execute(&pool).await.unwrap();
    }
    let invented = format!("{}/{PARTITION}@0", topics.outcomes());
    row(&pool, Uuid::new_v4(), "completed", &invented).await;
    let (code, lines) = verify(&stage, &options).await;
    let places = [&one.1, &two.1, &three.1, &open.1, &invented];
    let expected: BTreeSet<(String, String)> = places
        .iter()
        .map(|place| ("tracker".to_owned(), (*place).clone()))
        .collect();
    assert_eq!((code, findings(&lines)), (1, expected), "{lines:?}");

    let nowhere = ["--database-url", "postgres://any@127.0.0.1:9/none"];
    assert_eq!(verify(&stage, &nowhere).await.0, 2);
}
