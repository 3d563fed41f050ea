//! Processes and the broker are killed under the demo's load: the totals stay exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser as _;
use harness::{History, Log, System, eventually};
use rand::RngExt as _;
use serde_json::{Value, json};

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

/// Every service is killed in turn, at random moments, as long as the load lasts, and once the broker.
#[tokio::test(flavor = "multi_thread")]
async fn totals_are_exact_while_everything_is_killed_in_turn() {
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
    let history = Log::of(&system, &ordering_schemas::ORDER)
        .check()
        .await
        .unwrap();
    assert_eq!(history.events.len(), 6919, "each purchase is one event");
    tracker_agrees(&system, &history).await;
    println!("{kills} kills under {} commands", history.commands.len());
}

/// Kills one after another, again and again, until told to stop. Answers how many.
pub(crate) async fn kill_in_turn(
    system: Arc<System>,
    done: Arc<AtomicBool>,
    victims: &[&str],
) -> usize {
    let mut kills = 0;
    let start = std::time::Instant::now();
    for victim in victims.iter().cycle() {
        if done.load(Ordering::Acquire) {
            break;
        }
        // When in the load a kill falls must differ from run to run; how long it takes is no condition to await.
        let moment = Duration::from_millis(rand::rng().random_range(100..700));
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
            // Else all are away all the time, and the test waits for a rest that never comes.
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

/// The tracker says of every operation what the log says.
async fn tracker_agrees(system: &System, history: &History) {
    let http = reqwest::Client::new();
    for (operation, outcome) in &history.outcomes {
        let url = format!("{}/operations/{operation}", system.url());
        let told: Value = http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(told["state"], outcome.state.as_str(), "{told}");
        assert_eq!(told["version"].as_i64(), outcome.version);
        assert_eq!(told["position"].as_str(), outcome.position.as_deref());
    }
}

/// A handler that is down delays commands and refuses none.
#[tokio::test(flavor = "multi_thread")]
async fn commands_wait_for_a_handler_that_is_down() {
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
    let told: Value = http
        .get(&location)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&told["state"], &told["success"]),
        (&json!("pending"), &Value::Null)
    );

    system.spawn("command-handlers").unwrap();
    eventually("the command completes", async || {
        let told: Value = http.get(&location).send().await?.json().await?;
        Ok(told["state"] == "completed")
    })
    .await
    .unwrap();
}
