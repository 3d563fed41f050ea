//! A follower process that is frozen for longer than its session timeout, as happens when a machine
//! swaps or migrates.
//!
//! Here the group assigns its partitions to another process, and chance determines the step at
//! which the process freezes. The tests in `zombies` control which records it holds at that moment.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::stage::{Stage, all, eventually};

const FOLLOWER: &str = "FACTLINE_TEST_FOLLOWER";
const PARTITIONS: i32 = 2;
const ROUNDS: usize = 3;
/// Duration of a freeze. The session timeout is 6 s.
const FREEZE: Duration = Duration::from_secs(9);
/// Number of transactions in a round, and of events of each partition in one transaction.
const APPENDS: u64 = 24;
const EVENTS: u64 = 5;

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

struct Process(Child);

impl Process {
    fn start(stage: &Stage) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["stopped::follower", "--exact", "--nocapture"])
            .env(FOLLOWER, stage.to_line())
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
async fn resumed_process_writes_nothing_that_another_wrote() {
    let stage = Stage::set(PARTITIONS).await;
    let processes = [Process::start(&stage), Process::start(&stage)];
    let mut last = 0;
    for round in 0..ROUNDS {
        let frozen = &processes[round % processes.len()];
        for append in 0..APPENDS {
            if append == APPENDS / 3 {
                frozen.signal("-STOP");
            }
            let sequences = last + 1..=last + EVENTS;
            let events = (0..PARTITIONS).flat_map(|partition| {
                let sequences = sequences.clone();
                sequences.map(move |sequence| (partition, sequence, "good"))
            });
            stage.append(events.collect(), true).await;
            last += EVENTS;
        }
        // There is no condition to await: the freeze must be longer than the session timeout,
        // whatever the other process does.
        tokio::time::sleep(FREEZE).await;
        frozen.signal("-CONT");
        let expected = all(PARTITIONS, last.cast_signed());
        stage.until_written(expected.len()).await;
        let found = stage.written().await;
        assert!(
            found == expected,
            "round {round}: the followers wrote {found:?}"
        );
        eventually("every event is applied", async || {
            let checkpoints = stage.checkpoints().await;
            let mut checkpoints = checkpoints.iter();
            checkpoints.all(|checkpoint| checkpoint.cursor.sequence == last)
        })
        .await;
    }
    // The zombie has dropped its old batch and continues.
    let sequences = last + 1..=last + EVENTS;
    let events = sequences.map(|sequence| (0, sequence, "good"));
    stage.append(events.collect(), true).await;
    let count = all(PARTITIONS, last.cast_signed()).len() + usize::try_from(EVENTS).unwrap();
    stage.until_written(count).await;
    assert_eq!(stage.written().await.len(), count);
}
