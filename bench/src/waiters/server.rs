//! The process that is measured: the tracker's routes, or the same requests over a map of channels.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::extract::{Path, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use catalog_schemas::PRODUCT;
use factline_kafka::KafkaConfig;
use factline_tracker::barrier::{Barrier, Limits};
use factline_tracker::cancel::Cancels;
use factline_tracker::captures::Captures;
use factline_tracker::contracts::Resources;
use factline_tracker::http::{self, Answers};
use factline_tracker::notifications;
use factline_tracker::retention::Retention;
use factline_tracker::store::follower_id;
use factline_tracker::stream::Streams;
use factline_tracker::visible::Views;
use factline_tracker::visible::samples::Samples;
use factline_tracker::watch::Watch;
use factline_tracker::webhooks::{self, Webhooks};
use factline_tracker::workflow::Workflows;
use futures_util::stream;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{STEP, Way, now};

/// The options of the server.
#[derive(Debug, clap::Args)]
pub(crate) struct Server {
    /// The database of the tracker; without it the server has a map of channels
    #[arg(long)]
    database_url: Option<String>,
    /// Address to listen on
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long, value_enum)]
    way: Way,
}

/// A running server. It ends with this value.
pub(crate) struct Child {
    process: std::process::Child,
    address: SocketAddr,
}

impl Child {
    pub(crate) fn start(database_url: Option<&str>, way: Way) -> Result<Self> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let way = match way {
            Way::Request => "request",
            Way::Events => "events",
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.args([
            "waiting-server",
            "--way",
            way,
            "--listen",
            &address.to_string(),
        ]);
        if let Some(url) = database_url {
            command.args(["--database-url", url]);
        }
        let process = command.stdin(Stdio::null()).spawn()?;
        let child = Self { process, address };
        let begun = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            anyhow::ensure!(
                begun.elapsed() < Duration::from_secs(20),
                "server does not start"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(child)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the resident memory of the process in KiB.
    pub(super) fn memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(value.context("no VmRSS")?.parse()?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) async fn run(server: Server) -> Result<()> {
    let router = match &server.database_url {
        Some(url) => tracker(url).await?,
        None => channels(server.way),
    };
    let listener = TcpListener::bind(server.listen).await?;
    Ok(axum::serve(listener, router).await?)
}

async fn tracker(url: &str) -> Result<Router> {
    let pool = PgPoolOptions::new().max_connections(8).connect(url).await?;
    let limits = Limits {
        bound: Duration::from_secs(5),
        waiting: 250,
    };
    let captures = Captures::new(|| async { Ok(Arc::new(Vec::new())) });
    let barrier = Barrier::new(pool.clone(), follower_id(), Vec::new(), captures, limits);
    let watch = Watch::new(pool.clone());
    let webhooks = Webhooks::new(webhooks::Options::default())?;
    let shutdown = CancellationToken::new();
    tokio::spawn(notifications::listen(
        pool.clone(),
        follower_id().view,
        barrier.clone(),
        watch.clone(),
        Samples::default(),
        webhooks.clone(),
        shutdown.clone(),
    ));
    Ok(http::router(Answers {
        pool,
        cancels: Cancels::new(&KafkaConfig::default(), &[])?,
        barrier,
        watch,
        max_wait: Duration::from_mins(1),
        streams: Streams::new(100_000),
        samples: Samples::default(),
        views: Views::default(),
        resources: Resources::read(&[&PRODUCT])?,
        workflows: Workflows::default(),
        retention: Retention::days(30),
        webhooks,
        shutdown,
    }))
}

/// The waiters by their number.
type Map = Arc<Mutex<BTreeMap<u32, oneshot::Sender<()>>>>;

fn channels(way: Way) -> Router {
    let map = Map::default();
    let waiting = match way {
        Way::Request => get(wait),
        Way::Events => get(events),
    };
    let path = match way {
        Way::Request => "/operations/{id}",
        Way::Events => "/operations/{id}/events",
    };
    Router::new()
        .route(path, waiting)
        .route("/end/{rate}", get(end))
        .with_state(map)
}

fn register(map: &Map, id: u32) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.insert(id, sender);
    receiver
}

async fn wait(State(map): State<Map>, Path(id): Path<u32>) -> Response {
    let _ = register(&map, id).await;
    Json(serde_json::json!({"id": id, "state": "completed"})).into_response()
}

async fn events(State(map): State<Map>, Path(id): Path<u32>) -> Response {
    let receiver = register(&map, id);
    let pending = Ok::<_, Infallible>(Event::default().event("operation_pending").data("{}"));
    let stream = stream::unfold((Some(receiver), Some(pending)), async |state| match state {
        (receiver, Some(pending)) => Some((pending, (receiver, None))),
        (Some(receiver), None) => {
            let _ = receiver.await;
            let event = Event::default().event("operation_completed").data("{}");
            Some((Ok(event), (None, None)))
        }
        (None, None) => None,
    });
    Sse::new(stream).into_response()
}

/// Ends all operations at a rate. Returns the time of each end.
async fn end(State(map): State<Map>, Path(rate): Path<u32>) -> Json<Vec<u64>> {
    let waiting = std::mem::take(&mut *map.lock().unwrap_or_else(PoisonError::into_inner));
    let each = (u128::from(rate) * STEP.as_millis() / 1_000).max(1);
    let begun = Instant::now();
    let mut ended = Vec::with_capacity(waiting.len());
    for (number, (_, sender)) in waiting.into_iter().enumerate() {
        let step = number as u128 / each;
        let due = STEP * u32::try_from(step).unwrap_or(u32::MAX);
        if (number as u128).is_multiple_of(each) {
            tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        }
        ended.push(now());
        let _ = sender.send(());
    }
    Json(ended)
}
