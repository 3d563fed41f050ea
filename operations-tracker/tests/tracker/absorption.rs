//! An end stays the end: a tracker that lets a later outcome replace it is found by what every order of records must come to.

use std::process::{Command, Output};

use sqlx::{ConnectOptions as _, PgPool};
use uuid::Uuid;

use crate::any_order::{check, sightings, write};
use crate::system::database;

const DATABASE: &str = "FACTLINE_TEST_DATABASE";

/// Not a test: what a child process runs. Without the environment of one it does nothing.
#[tokio::test]
async fn child() {
    if let Ok(url) = std::env::var(DATABASE) {
        let pool = PgPool::connect(&url).await.unwrap();
        let id = Uuid::from_u128(1);
        // Two ends, of which the lower counts, each in a batch of its own.
        for one in [2, 3] {
            write(&pool, vec![sightings(id)[one].clone()]).await;
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
async fn an_end_that_is_replaced_is_found() {
    let replaced = run_child("no-absorption").await;
    let said = String::from_utf8_lossy(&replaced.stderr);
    assert!(!replaced.status.success(), "{said}");
    assert!(said.contains("one after the other"), "{said}");
    let kept = run_child("").await;
    let said = String::from_utf8_lossy(&kept.stderr);
    assert!(kept.status.success(), "{said}");
}
