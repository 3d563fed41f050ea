//! A follower's process that is stopped for longer than its session lasts, as a machine does that swaps or migrates.
//!
//! Here it is the group that gives its partitions to another, and chance that says where in its work it stands still; what it
//! then has in hand is made sure of in `zombies`.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::stage::{Stage, all, until};

const FOLLOWER: &str = "FACTLINE_TEST_FOLLOWER";
const PARTITIONS: i32 = 2;
const ROUNDS: usize = 3;
/// How long one stands still: the session lasts 6 s.
const STILL: Duration = Duration::from_secs(9);
/// Transactions of a round, and events of each partition in one.
const APPENDS: u64 = 24;
const EVENTS: u64 = 5;

/// Not a test: what a child process runs. Without the environment of one it does nothing. It ends with its standard input,
/// so that it outlives nobody.
#[tokio::test(flavor = "multi_thread")]
async fn follower() {
    if let Ok(stage) = std::env::var(FOLLOWER) {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read(&mut [0]);
            std::process::exit(0);
        });
        let running = Stage::read(&stage).await.follow("group");
        std::future::pending::<()>().await;
        running.stop().await;
    }
}

struct Process(Child);

impl Process {
    fn start(stage: &Stage) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["stopped::follower", "--exact", "--nocapture"])
            .env(FOLLOWER, stage.say())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.0.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stood_still_writes_nothing_that_another_has() {
    let stage = Stage::set(PARTITIONS).await;
    let processes = [Process::start(&stage), Process::start(&stage)];
    let mut last = 0;
    for round in 0..ROUNDS {
        let still = &processes[round % processes.len()];
        for append in 0..APPENDS {
            if append == APPENDS / 3 {
                still.signal("-STOP");
            }
            let sequences = last + 1..=last + EVENTS;
            let events = (0..PARTITIONS).flat_map(|partition| {
                let sequences = sequences.clone();
                sequences.map(move |sequence| (partition, sequence, "good"))
            });
            stage.append(events.collect(), true).await;
            last += EVENTS;
        }
        // No condition to await: it has to be longer than the session, whatever the other does.
        tokio::time::sleep(STILL).await;
        still.signal("-CONT");
        let expected = all(PARTITIONS, last.cast_signed());
        stage.until_written(expected.len()).await;
        let found = stage.written().await;
        assert!(found == expected, "round {round}: it wrote {found:?}");
        until(async || {
            let checkpoints = stage.checkpoints().await;
            let mut checkpoints = checkpoints.iter();
            checkpoints.all(|checkpoint| checkpoint.cursor.sequence == last)
        })
        .await;
    }
    // What the zombie has in hand it has given up, and goes on.
    let sequences = last + 1..=last + EVENTS;
    let events = sequences.map(|sequence| (0, sequence, "good"));
    stage.append(events.collect(), true).await;
    let count = all(PARTITIONS, last.cast_signed()).len() + usize::try_from(EVENTS).unwrap();
    stage.until_written(count).await;
    assert_eq!(stage.written().await.len(), count);
}
