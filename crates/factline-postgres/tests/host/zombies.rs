//! Whoever stood still while another wrote on writes nothing when he comes back.
//!
//! What a zombie is: it has read records, has not begun its transaction, and does not know that another has written them. To
//! make one, nobody has to wait for a session to time out: each host here is in a group of its own, so that all believe to own
//! everything, and has a database pool of one connection. While the test holds that connection, the host stands still between
//! its poll and its transaction, however long the others write.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser as _;
use factline_postgres::PostgresConfig;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgPool, Postgres};

use crate::stage::{Running, Stage, all, until};

const PARTITIONS: i32 = 2;
/// Who writes in a round, and who stands still.
const HOSTS: usize = 5;
/// Events of a round in each partition.
const EVENTS: u64 = 3;
const STAGE: &str = "FACTLINE_TEST_ZOMBIES";

/// A host that stands still while its only connection is held.
struct Host {
    running: Running,
    pool: PgPool,
    /// How often its connection was asked for, the test's own times included.
    asked: Arc<AtomicUsize>,
}

impl Host {
    async fn start(stage: &Stage, number: usize) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
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
            asked,
        }
    }

    async fn hold(&self) -> PoolConnection<Postgres> {
        self.pool.acquire().await.unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// In each round one host writes what all have read, and then all others go on with what they have in hand. Everyone takes his
/// turn, so that each successor has been a zombie and knows no more of it than its checkpoint.
async fn rounds(stage: &Stage, rounds: u64) {
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
            let before = zombie.asked();
            drop(connection);
            // Its transaction, and then, if it has found out, a look at the checkpoints.
            until(async || {
                zombie.asked() >= before + 2 || stage.written().await.len() > expected.len()
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

/// Fifty rounds with four zombies each.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_zombies_write_nothing() {
    let stage = Stage::set(PARTITIONS).await;
    rounds(&stage, 50).await;
}

/// Not a test: what a child process runs. Without the environment of one it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    if let Ok(stage) = std::env::var(STAGE) {
        rounds(&Stage::read(&stage).await, 2).await;
    }
}

async fn run_child(stage: &Stage, mutant: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["zombies::child", "--exact", "--nocapture"])
        .env(STAGE, stage.say())
        .env("FACTLINE_MUTANT", mutant);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// A follower that moves its checkpoint from wherever it is, is found at once; one that keeps the rule passes the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_blind_checkpoint_is_found() {
    let blind = run_child(&Stage::set(PARTITIONS).await, "blind-checkpoint").await;
    let said = String::from_utf8_lossy(&blind.stderr).into_owned();
    assert!(
        !blind.status.success() && said.contains("a zombie wrote"),
        "{said}"
    );
    let kept = run_child(&Stage::set(PARTITIONS).await, "").await;
    let said = String::from_utf8_lossy(&kept.stderr);
    assert!(kept.status.success(), "{said}");
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    postgres: PostgresConfig,
}

/// One that stands still inside its transaction has the rows locked that its successor needs: until PostgreSQL ends it.
#[tokio::test(flavor = "multi_thread")]
async fn who_stands_still_inside_a_transaction_is_put_out_of_it() {
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
