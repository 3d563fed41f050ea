//! A polling client: it sends a command, polls its operation until it has ended, and reads its
//! result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use harness::System;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Pause between two polls of an operation.
const POLL: Duration = Duration::from_millis(4);

/// Times in the life of one command.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) operation: Option<Uuid>,
    pub(super) begun: Instant,
    pub(super) accepted: Option<Instant>,
    pub(super) completed: Option<Instant>,
    pub(super) visible: Option<Instant>,
    /// The first unexpected response.
    pub(super) failure: Option<String>,
}

#[derive(Clone)]
pub(super) struct Client {
    url: Arc<str>,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(system: &System) -> Result<Self> {
        Ok(Self {
            url: system.url().into(),
            http: reqwest::Client::builder()
                .timeout(Duration::from_mins(1))
                .build()?,
        })
    }

    /// Sends commands at random times for this duration.
    pub(super) async fn send(&self, rate: f64, time: Duration) -> Result<Vec<Sent>> {
        let (begun, mut commands) = (Instant::now(), JoinSet::new());
        while begun.elapsed() < time {
            let client = self.clone();
            commands.spawn(async move { client.one().await });
            let pause = -(1.0 - rand::random::<f64>()).ln() / rate;
            tokio::time::sleep(Duration::from_secs_f64(pause)).await;
        }
        Ok(commands.join_all().await)
    }

    async fn one(&self) -> Sent {
        let mut sent = Sent {
            operation: None,
            begun: Instant::now(),
            accepted: None,
            completed: None,
            visible: None,
            failure: None,
        };
        if let Err(error) = self.follow(&mut sent).await {
            sent.failure = Some(format!("{error:#}"));
        }
        sent
    }

    async fn follow(&self, sent: &mut Sent) -> Result<()> {
        let url = &self.url;
        let order = json!({
            "customer_id": "bench", "source": format!("bench/{}", Uuid::new_v4()), "ordered_on": "1997-01-01",
            "quantity": 1, "total": {"amount": 1000, "currency": "USD"},
        });
        let accepted = self.http.post(format!("{url}/past-orders")).json(&order);
        let accepted = accepted.send().await?;
        ensure!(accepted.status() == 202, "POST: {}", accepted.status());
        sent.accepted = Some(Instant::now());
        let header = |name: &str| {
            let value = accepted.headers().get(name).context("a header is missing");
            Ok::<_, anyhow::Error>(value?.to_str()?.to_owned())
        };
        let (location, resource) = (header("location")?, header("x-resource")?);
        let operation = header("x-operation")?;
        sent.operation = operation
            .strip_prefix("operations/")
            .and_then(|id| id.parse().ok());
        let position = loop {
            let answer = self.http.get(format!("{url}{location}")).send().await?;
            ensure!(
                answer.status() == 200,
                "GET {location}: {}",
                answer.status()
            );
            let operation: Value = answer.json().await?;
            if operation["state"] == "completed" {
                break operation["position"]
                    .as_str()
                    .context("no position")?
                    .to_owned();
            }
            tokio::time::sleep(POLL).await;
        };
        sent.completed = Some(Instant::now());
        let read = self.http.get(format!("{url}/{resource}"));
        let read = read.header("factline-position", position).send().await?;
        ensure!(read.status() == 200, "GET {resource}: {}", read.status());
        sent.visible = Some(Instant::now());
        Ok(())
    }
}
