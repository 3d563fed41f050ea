//! Halts of partitions in the database: recorded for readers, and removed when they have ended.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use crate::stage::{Stage, Written, all, eventually};

/// Environment of a child process: a follower that cannot handle poison.
const FOLLOWER: &str = "FACTLINE_TEST_HALTING_FOLLOWER";

/// A recorded halt: its partition, offset, sequence and fault.
type Recorded = (i32, i64, i64, String);

impl Stage {
    async fn halts(&self) -> Vec<Recorded> {
        let sql = "select partition, record_offset, sequence, fault from factline.halted_partition \
                   order by partition";
        sqlx::query_as(sql).fetch_all(&self.pool).await.unwrap()
    }

    async fn until_halts_are(&self, expected: &[(i32, i64, i64, &str)]) {
        eventually(&format!("the halts are {expected:?}"), async || {
            let halts = self.halts().await;
            let halts = halts.iter();
            let found: Vec<_> = halts
                .map(|(partition, offset, sequence, fault)| {
                    (*partition, *offset, *sequence, fault.as_str())
                })
                .collect();
            found == expected
        })
        .await;
    }

    /// Returns the time of the only halt, and its reason.
    async fn halt(&self) -> (String, String) {
        let sql = "select since::text, reason from factline.halted_partition";
        sqlx::query_as(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// Appends five good events, poison and another event to partition 0, and three events to
    /// partition 1.
    async fn poison_the_sixth(&self) {
        let mut events: Vec<(i32, u64, &str)> = (1..=5).map(|number| (0, number, "good")).collect();
        events.extend([(0, 6, "poison"), (0, 7, "good")]);
        events.extend((1..=3).map(|number| (1, number, "good")));
        self.append(events, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn halt_is_recorded_until_the_checkpoint_passes_the_record() {
    let stage = Stage::set(2).await;
    stage.poison_the_sixth().await;
    let sink = Written::default();
    let host = stage.follow_by("group", None, &sink);
    stage.until_halts_are(&[(0, 5, 5, "record")]).await;
    let first = stage.halt().await;
    assert!(
        first.1.ends_with("cannot be handled: poison value"),
        "{first:?}"
    );
    host.stop().await;

    // The successor halts again, at the same record: the time stays.
    let host = stage.follow_by("group", None, &sink);
    host.until_halted("/0").await;
    stage.good(1, 4..=6).await;
    stage.until_written(11).await;
    stage.until_halts_are(&[(0, 5, 5, "record")]).await;
    assert_eq!(stage.halt().await, first);
    host.stop().await;

    // A new release goes on.
    sink.repair();
    let host = stage.follow_by("group", None, &sink);
    stage.until_written(13).await;
    assert_eq!(stage.halts().await, []);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn halt_at_a_later_record_replaces_the_one_before() {
    let stage = Stage::set(1).await;
    stage
        .append(vec![(0, 1, "poison"), (0, 2, "good")], true)
        .await;
    let sink = Written::default();
    let host = stage.follow_by("group", None, &sink);
    stage.until_halts_are(&[(0, 0, 0, "record")]).await;
    let first = stage.halt().await;
    host.stop().await;
    sink.repair();
    // Event 3 is missing.
    stage.good(0, 4..=4).await;
    let host = stage.follow_by("group", None, &sink);
    // A marker is at offset 2.
    stage.until_halts_are(&[(0, 3, 2, "record")]).await;
    assert_ne!(stage.halt().await.0, first.0);
    host.stop().await;
}

/// The records that come next are gone, so no checkpoint passes them.
#[tokio::test(flavor = "multi_thread")]
async fn halt_of_a_faulty_log_ends_when_a_follower_starts() {
    let stage = Stage::set(1).await;
    let host = stage.follow("group");
    stage.good(0, 1..=3).await;
    stage.until_written(3).await;
    host.stop().await;
    stage.move_checkpoint(99, 99).await;
    let host = stage.follow("group");
    stage.until_halts_are(&[(0, 99, 99, "log")]).await;
    host.stop().await;
    stage.move_checkpoint(3, 3).await;
    let host = stage.follow("group");
    host.until_ready().await;
    stage.until_halts_are(&[]).await;
    assert_eq!(stage.written().await, all(1, 3));
    host.stop().await;
}

/// An operator decides to leave the record out.
#[tokio::test(flavor = "multi_thread")]
async fn halt_ends_if_an_operator_moves_the_checkpoint_past_the_record() {
    let stage = Stage::set(1).await;
    stage
        .append(vec![(0, 1, "good"), (0, 2, "poison")], true)
        .await;
    let host = stage.follow("group");
    stage.until_halts_are(&[(0, 1, 1, "record")]).await;
    // The follower notices, and nothing is there to be read.
    stage.move_checkpoint(2, 2).await;
    stage.until_halts_are(&[]).await;
    host.until_ready().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn halt_is_recorded_after_the_database_has_failed() {
    let stage = Stage::set(1).await;
    let refuse = "alter table factline.halted_partition add constraint refused check (false)";
    sqlx::raw_sql(refuse).execute(&stage.pool).await.unwrap();
    stage.append(vec![(0, 1, "poison")], true).await;
    let host = stage.follow("group");
    host.until_halted("/0").await;
    let allow = "alter table factline.halted_partition drop constraint refused";
    sqlx::raw_sql(allow).execute(&stage.pool).await.unwrap();
    stage.until_halts_are(&[(0, 0, 0, "record")]).await;
    host.stop().await;
}

/// Not a test: the code of a child process. It returns at once without the environment of a child.
/// The process ends when its standard input closes, so that it does not outlive the test.
#[tokio::test(flavor = "multi_thread")]
async fn follower() {
    if let Ok(stage) = std::env::var(FOLLOWER) {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read(&mut [0]);
            std::process::exit(0);
        });
        let running = Stage::from_line(&stage).await.follow("group");
        std::future::pending::<()>().await;
        running.stop().await;
    }
}

fn start_process(stage: &Stage) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["halts::follower", "--exact", "--nocapture"])
        .env(FOLLOWER, stage.to_line())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_follower_leaves_no_halt_once_its_successor_goes_on() {
    let stage = Stage::set(2).await;
    stage.poison_the_sixth().await;
    let mut killed = start_process(&stage);
    stage.until_halts_are(&[(0, 5, 5, "record")]).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(
        stage.halts().await.len(),
        1,
        "no follower has the partition"
    );
    let sink = Written::default();
    sink.repair();
    let host = stage.follow_by("group", None, &sink);
    stage.until_written(10).await;
    assert_eq!(stage.halts().await, []);
    host.stop().await;
}
