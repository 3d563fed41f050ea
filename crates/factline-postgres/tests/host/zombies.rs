//! A follower that was stalled while another wrote writes nothing when it resumes.
//!
//! A zombie has read records, has not begun its transaction, and does not know that another
//! follower has written them. To create one without waiting for a session timeout, each host here
//! is in a separate group, so that every host owns all partitions. Each host has a database pool of
//! one connection. While the test holds that connection, the host stalls between its poll and its
//! transaction, for as long as the others write.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser as _;
use factline_postgres::PostgresConfig;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgPool, Postgres};

use crate::stage::{Running, Stage, all, eventually};

pub(crate) const PARTITIONS: i32 = 2;
/// Number of hosts. In each round one writes and the others stall.
const HOSTS: usize = 5;
/// Number of events in a round for each partition.
const EVENTS: u64 = 3;

/// Host that stalls while the test holds its only connection.
struct Host {
    running: Running,
    pool: PgPool,
    /// Number of times that its connection was requested, including requests of the test.
    acquisitions: Arc<AtomicUsize>,
}

impl Host {
    async fn start(stage: &Stage, number: usize) -> Self {
        let acquisitions = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&acquisitions);
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .before_acquire(move |_, _| {
                count.fetch_add(1, Ordering::Relaxed);
                Box::pin(async { Ok(true) })
            })
            .connect_with(stage.pool.connect_options().as_ref().clone())
            .await
            .unwrap();
        let running = stage.follow_with(&format!("group-{number}"), pool.clone());
        running.until_ready().await;
        Self {
            running,
            pool,
            acquisitions,
        }
    }

    async fn hold(&self) -> PoolConnection<Postgres> {
        self.pool.acquire().await.unwrap()
    }

    fn acquisitions(&self) -> usize {
        self.acquisitions.load(Ordering::Relaxed)
    }
}

/// In each round one host writes what all hosts have read, and then all others resume with the
/// batches that they hold. Every host takes its turn as the writer, so each successor was a zombie
/// before and knows no more of that than its checkpoint.
pub(crate) async fn rounds(stage: &Stage, rounds: u64) {
    let mut hosts = Vec::new();
    for number in 0..HOSTS {
        hosts.push(Host::start(stage, number).await);
    }
    for round in 0..rounds {
        let writer = usize::try_from(round).unwrap() % HOSTS;
        let mut held = Vec::new();
        for (number, host) in hosts.iter().enumerate() {
            if number != writer {
                held.push((host, host.hold().await));
            }
        }
        let sequences = round * EVENTS + 1..=round * EVENTS + EVENTS;
        let events = (0..PARTITIONS).flat_map(|partition| {
            let sequences = sequences.clone();
            sequences.map(move |sequence| (partition, sequence, "good"))
        });
        stage.append(events.collect(), true).await;
        let last = i64::try_from((round + 1) * EVENTS).unwrap();
        let expected = all(PARTITIONS, last);
        stage.until_written(expected.len()).await;
        for (zombie, connection) in held {
            let before = zombie.acquisitions();
            drop(connection);
            // Wait for its transaction and, if it was fenced, for its reload of the checkpoints.
            eventually("the zombie has begun two transactions", async || {
                zombie.acquisitions() >= before + 2 || stage.written().await.len() > expected.len()
            })
            .await;
            let found = stage.written().await;
            assert!(found == expected, "round {round}: a zombie wrote {found:?}");
        }
        for checkpoint in stage.checkpoints().await {
            assert_eq!(checkpoint.cursor.sequence, last.cast_unsigned());
        }
    }
    for host in hosts {
        host.running.stop().await;
    }
    let expected = all(PARTITIONS, i64::try_from(rounds * EVENTS).unwrap());
    assert!(
        stage.written().await == expected,
        "a zombie wrote at its end"
    );
}

/// Runs fifty rounds with four zombies each.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_zombies_write_nothing() {
    let stage = Stage::set(PARTITIONS).await;
    rounds(&stage, 50).await;
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    postgres: PostgresConfig,
}

/// A read that takes too long is cancelled, and the client is told to retry.
#[tokio::test(flavor = "multi_thread")]
async fn slow_read_is_cancelled() {
    let stage = Stage::set(1).await;
    let flags = Flags::parse_from(["test", "--database-url", stage.url()]);
    let slow = "select pg_sleep(60)";
    let reader = flags.postgres.reader_pool("reader");
    let error = sqlx::query(slow).execute(&reader).await.unwrap_err();
    assert!(factline_postgres::is_transient(&error), "{error}");
}

/// A follower that stalls inside its transaction has locked the rows that its successor needs,
/// until PostgreSQL ends the transaction.
#[tokio::test(flavor = "multi_thread")]
async fn idle_transaction_is_ended_by_postgres() {
    let stage = Stage::set(1).await;
    stage.good(0, 1..=1).await;
    let first = stage.follow("first");
    stage.until_written(1).await;
    first.stop().await;
    let flags = Flags::parse_from(["test", "--database-url", stage.url()]);
    let mut connection = flags.postgres.pool("zombie").acquire().await.unwrap();
    let mut zombie = connection.begin().await.unwrap();
    let moved = sqlx::query("update factline.checkpoint set next_offset = 99, sequence = 99")
        .execute(&mut *zombie)
        .await
        .unwrap();
    assert_eq!(moved.rows_affected(), 1);

    stage.good(0, 2..=3).await;
    let successor = stage.follow("successor");
    stage.until_written(3).await;
    assert!(zombie.commit().await.is_err());
    successor.stop().await;
    assert_eq!(stage.written().await, all(1, 3));
    assert_eq!(stage.checkpoints().await[0].cursor.sequence, 3);
}
