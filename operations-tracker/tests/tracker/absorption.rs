//! A terminal state is final. The test of all record orders detects a tracker that lets a later
//! outcome replace it.

use std::process::{Command, Output};

use sqlx::{ConnectOptions as _, PgPool};
use uuid::Uuid;

use crate::any_order::{check, updates, write};
use crate::system::database;

const DATABASE: &str = "FACTLINE_TEST_DATABASE";

/// Not a test: the body of a child process. Without the environment variable of a child it does
/// nothing.
#[tokio::test]
async fn child() {
    if let Ok(url) = std::env::var(DATABASE) {
        let pool = PgPool::connect(&url).await.unwrap();
        let id = Uuid::from_u128(1);
        // Two terminal outcomes, each in its own batch. The one with the lower offset wins.
        for one in [2, 3] {
            write(&pool, vec![updates(id)[one].clone()]).await;
        }
        check(&pool, id, &[2, 3], "one after the other").await;
    }
}

async fn run_child(mutant: &str) -> Output {
    let url = database().await.connect_options().to_url_lossy();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["absorption::child", "--exact", "--nocapture"])
        .env(DATABASE, url.as_str())
        .env("FACTLINE_MUTANT", mutant);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn mutant_no_absorption_is_detected() {
    let replaced = run_child("no-absorption").await;
    let said = String::from_utf8_lossy(&replaced.stderr);
    assert!(!replaced.status.success(), "{said}");
    assert!(said.contains("one after the other"), "{said}");
    let kept = run_child("").await;
    let said = String::from_utf8_lossy(&kept.stderr);
    assert!(kept.status.success(), "{said}");
}
