//! The mutant that moves its checkpoint from any offset: the zombies detect it.

use std::process::{Command, Output};

use crate::stage::Stage;
use crate::zombies::{PARTITIONS, rounds};

const STAGE: &str = "FACTLINE_TEST_ZOMBIES";

/// Not a test: the code of a child process. It returns at once without the environment of a child.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    if let Ok(stage) = std::env::var(STAGE) {
        rounds(&Stage::from_line(&stage).await, 2).await;
    }
}

async fn run_child(stage: &Stage, mutant: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["blind_checkpoint::child", "--exact", "--nocapture"])
        .env(STAGE, stage.to_line())
        .env("FACTLINE_MUTANT", mutant);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// A follower that moves its checkpoint from any offset is detected at once. A follower that keeps
/// the rule passes the same scenario.
#[tokio::test(flavor = "multi_thread")]
async fn mutant_blind_checkpoint_is_detected() {
    let blind = run_child(&Stage::set(PARTITIONS).await, "blind-checkpoint").await;
    let stderr = String::from_utf8_lossy(&blind.stderr).into_owned();
    assert!(
        !blind.status.success() && stderr.contains("a zombie wrote"),
        "{stderr}"
    );
    let kept = run_child(&Stage::set(PARTITIONS).await, "").await;
    let stderr = String::from_utf8_lossy(&kept.stderr);
    assert!(kept.status.success(), "{stderr}");
}
