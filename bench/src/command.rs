//! A command from the request to its end, as a client sees it: with the preference to wait in the
//! request itself, with a request that waits after the 202, and with polls.
//!
//! The whole store runs as processes on dedicated servers, behind its gateway. The three kinds of
//! client take turns, at one rate and at random instants. The raw calls of the same hops follow, at
//! the same rate, on the same servers.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use harness::System;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::latency::raw;
use crate::latency::spread::Spread;

/// Rate and duration of the measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Commands per second
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Seconds of each kind of client in a round
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Number of rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of commands at the beginning: a newly started broker is several times slower
    #[arg(long, default_value_t = 60)]
    warm_up: u64,
}

/// Pause between two polls.
const POLL: Duration = Duration::from_millis(5);

/// The preference of a client that waits.
const PREFER: (&str, &str) = ("Prefer", "wait=20");

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Waits in the request of the command.
    InRequest,
    /// Waits in a request after the 202.
    Afterwards,
    /// Polls.
    Polling,
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(match self {
            Self::InRequest => "POST that waits",
            Self::Afterwards => "POST, then GET that waits",
            Self::Polling => "POST, then polls every 5 ms",
        })
    }
}

const KINDS: [Kind; 3] = [Kind::InRequest, Kind::Afterwards, Kind::Polling];

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    runtime.block_on(async {
        let system = System::start_alone("command").await?;
        let client = Client {
            url: system.url().into(),
            http: reqwest::Client::builder()
                .timeout(Duration::from_mins(1))
                .build()?,
        };
        client
            .send(
                Kind::InRequest,
                options.rate,
                Duration::from_secs(options.warm_up),
            )
            .await?;
        let time = Duration::from_secs(options.seconds);
        println!(
            "POST to the end, ms, {} commands/s\n{:30} {:>8} {:>8} {:>8} {:>8} {:>9}",
            options.rate, "client", "p50", "p95", "p99", "worst", "commands"
        );
        for _ in 0..options.rounds {
            for kind in KINDS {
                let took = client.send(kind, options.rate, time).await?;
                print(&kind.to_string(), Spread::of(&took), took.len());
            }
            let raw = raw::measure(&system, options.rate, time).await?;
            let whole = raw.get("completed").copied().unwrap_or_default();
            print("raw calls of the same hops", whole, 0);
        }
        Ok(())
    })
}

fn print(who: &str, spread: Spread, count: usize) {
    println!(
        "{who:30} {:8.1} {:8.1} {:8.1} {:8.1} {count:9}",
        spread.p50, spread.p95, spread.p99, spread.worst
    );
}

#[derive(Clone)]
struct Client {
    url: Arc<str>,
    http: reqwest::Client,
}

impl Client {
    /// Sends commands at random instants. Returns the time of each until its end is seen.
    async fn send(&self, kind: Kind, rate: f64, time: Duration) -> Result<Vec<Duration>> {
        let (begun, mut commands) = (Instant::now(), JoinSet::new());
        while begun.elapsed() < time {
            let client = self.clone();
            commands.spawn(async move { client.one(kind).await });
            let pause = -(1.0 - rand::random::<f64>()).ln() / rate;
            tokio::time::sleep(Duration::from_secs_f64(pause)).await;
        }
        commands.join_all().await.into_iter().collect()
    }

    async fn one(&self, kind: Kind) -> Result<Duration> {
        let begun = Instant::now();
        let order = json!({
            "customer_id": "bench", "source": format!("bench/{}", Uuid::new_v4()), "ordered_on": "1997-01-01",
            "quantity": 1, "total": {"amount": 1000, "currency": "USD"},
        });
        let url = &self.url;
        let request = self.http.post(format!("{url}/past-orders")).json(&order);
        let request = match kind {
            Kind::InRequest => request.header(PREFER.0, PREFER.1),
            Kind::Afterwards | Kind::Polling => request,
        };
        let response = request.send().await?;
        if response.status() == 200 {
            ensure_completed(&response.json().await?)?;
            return Ok(begun.elapsed());
        }
        ensure!(response.status() == 202, "POST: {}", response.status());
        let location = response.headers().get("location").context("no Location")?;
        let location = location.to_str()?.to_owned();
        loop {
            let request = self.http.get(format!("{url}{location}"));
            let request = match kind {
                Kind::Polling => request,
                Kind::InRequest | Kind::Afterwards => request.header(PREFER.0, PREFER.1),
            };
            let operation: Value = request.send().await?.error_for_status()?.json().await?;
            if !operation["success"].is_null() {
                ensure_completed(&operation)?;
                return Ok(begun.elapsed());
            }
            if kind == Kind::Polling {
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

fn ensure_completed(operation: &Value) -> Result<()> {
    let state = &operation["state"];
    ensure!(state == "completed", "operation is {state}");
    Ok(())
}
