//! Processes and the broker are killed under the demo's load: the totals stay exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser as _;
use harness::quiescence::until_quiescent;
use harness::{History, Log, System, eventually};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// Maximum time until nothing is in progress.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    demo: demo::Options,
}

fn load(system: &System) -> demo::Options {
    let url = system.url();
    Flags::parse_from([
        "load",
        "--url",
        &url,
        "--quiet",
        "--concurrency",
        "24",
        "--patience",
        "240",
    ])
    .demo
}

/// Every service is killed in turn, at random moments, while the load lasts, and the broker once.
#[tokio::test(flavor = "multi_thread")]
async fn totals_stay_exact_while_every_process_is_killed() {
    let random = factline_testkit::seeded_random();
    let system = Arc::new(System::start_alone("kills").await.unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let chaos = tokio::spawn(kill_in_turn(
        Arc::clone(&system),
        Arc::clone(&done),
        &[
            "command-handlers",
            "projectors",
            "operations-tracker",
            "command-api",
            "read-api",
            "gateway",
            "kafka",
        ],
        random,
    ));
    let report = demo::run(&load(&system)).await;
    done.store(true, Ordering::Release);
    let kills = chaos.await.unwrap();
    let report = report.unwrap();
    assert!(report.is_exact(), "{report}");
    assert!(
        kills >= 7,
        "the load was over after {kills} kills, before everything had been killed"
    );

    system.ready().await.unwrap();
    until_quiescent(&system, PATIENCE).await.unwrap();
    let history = Log::of(&system, &ordering_schemas::ORDER)
        .check()
        .await
        .unwrap();
    assert_eq!(history.events.len(), 6919, "each purchase is one event");
    tracker_agrees(&system, &history).await;
    println!("{kills} kills under {} commands", history.commands.len());
}

/// Kills one service after another until it is stopped. Returns the number of kills.
pub(crate) async fn kill_in_turn(
    system: Arc<System>,
    done: Arc<AtomicBool>,
    victims: &[&str],
    mut random: StdRng,
) -> usize {
    let mut kills = 0;
    let start = std::time::Instant::now();
    for victim in victims.iter().cycle() {
        if done.load(Ordering::Acquire) {
            break;
        }
        // The moment of a kill must differ from run to run; the pause waits for no condition.
        let moment = Duration::from_millis(random.random_range(100..700));
        tokio::time::sleep(moment).await;
        if *victim == "kafka" {
            let servers = system.servers;
            tokio::task::spawn_blocking(move || {
                servers.kafka.kill().and_then(|()| servers.kafka.start())
            })
            .await
            .unwrap()
            .unwrap();
        } else {
            system.kill(victim).unwrap();
            system.spawn(victim).unwrap();
            // Without this wait all services would be down all the time, and the test would never
            // quiesce.
            system.service_ready(victim).await.unwrap();
        }
        kills += 1;
        println!(
            "{:6.1} s: {victim} was killed and is back",
            start.elapsed().as_secs_f64()
        );
    }
    kills
}

/// Checks that the tracker's status of every operation matches the log.
async fn tracker_agrees(system: &System, history: &History) {
    let http = reqwest::Client::new();
    for (operation, outcome) in &history.outcomes {
        let url = format!("{}/operations/{operation}", system.url());
        let status: Value = http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(status["state"], outcome.state.as_str(), "{status}");
        assert_eq!(status["version"].as_i64(), outcome.version);
        assert_eq!(status["position"].as_str(), outcome.position.as_deref());
    }
}

/// A handler that is down delays commands and refuses none.
#[tokio::test(flavor = "multi_thread")]
async fn commands_wait_while_their_handler_is_down() {
    let system = System::start("down").await.unwrap();
    system.kill("command-handlers").unwrap();
    let http = reqwest::Client::new();
    let body = json!({"customer_id": "ada", "lines": [{"product_id": "p", "name": "n", "quantity": 1,
        "unit_price": {"amount": 0, "currency": "USD"}}]});
    let accepted = http
        .post(format!("{}/orders", system.url()))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(accepted.status(), 202);
    let location = format!(
        "{}{}",
        system.url(),
        accepted.headers()["location"].to_str().unwrap()
    );
    let status: Value = http
        .get(&location)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&status["state"], &status["success"]),
        (&json!("pending"), &Value::Null)
    );

    system.spawn("command-handlers").unwrap();
    eventually("the command completes", async || {
        let status: Value = http.get(&location).send().await?.json().await?;
        Ok(status["state"] == "completed")
    })
    .await
    .unwrap();
}
