//! Many connections that send commands, with little CPU time for each, because the client shares
//! the machine with the store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The times at which requests begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// Each connection sends its next request when it has the response.
    Closed,
    /// This many requests per second, whether or not there are responses.
    Open(f64),
}

/// The responses of a connection, or of all.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The operations of the accepted commands, and the time of each 202.
    pub(super) accepted: Vec<(Uuid, Duration)>,
    /// The time of each 503 or 429, with its `Retry-After`.
    pub(super) refused: Vec<(u32, Duration)>,
    /// The number of other responses and of broken connections.
    pub(super) other: u64,
    /// An example of those.
    pub(super) example: Option<String>,
    /// The longest time by which a request was sent later than it was due.
    pub(super) late: Duration,
}

impl Answers {
    fn add(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.refused.extend(other.refused);
        self.other += other.other;
        self.example = self.example.take().or(other.example);
        self.late = self.late.max(other.late);
    }

    /// Returns the number of requests.
    pub(super) fn sent(&self) -> u64 {
        (self.accepted.len() + self.refused.len()) as u64 + self.other
    }
}

/// State that all connections share.
struct Plan {
    address: SocketAddr,
    pace: Pace,
    begin: Instant,
    end: Instant,
    next: AtomicU64,
}

/// Sends commands over this many connections for this time.
pub(super) async fn send(
    address: SocketAddr,
    connections: usize,
    pace: Pace,
    time: Duration,
) -> Result<Answers> {
    let begin = Instant::now();
    let plan = Arc::new(Plan {
        address,
        pace,
        begin,
        end: begin + time,
        next: AtomicU64::new(0),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        tasks.spawn(connection(Arc::clone(&plan)));
    }
    let mut all = Answers::default();
    while let Some(answers) = tasks.join_next().await {
        all.add(answers?);
    }
    Ok(all)
}

async fn connection(plan: Arc<Plan>) -> Answers {
    let (mut answers, mut open) = (Answers::default(), None);
    loop {
        let due = match plan.pace {
            Pace::Closed => Instant::now(),
            Pace::Open(rate) => {
                let number = u32::try_from(plan.next.fetch_add(1, Ordering::Relaxed));
                let number = f64::from(number.unwrap_or(u32::MAX));
                plan.begin + Duration::from_secs_f64(number / rate)
            }
        };
        if due >= plan.end {
            return answers;
        }
        tokio::time::sleep_until(due.into()).await;
        answers.late = answers.late.max(due.elapsed());
        if let Err(error) = one(&plan, &mut open, &mut answers).await {
            answers.other += 1;
            answers.example.get_or_insert(format!("{error:#}"));
            open = None;
        }
    }
}

async fn one(
    plan: &Plan,
    open: &mut Option<SendRequest<Full<Bytes>>>,
    answers: &mut Answers,
) -> Result<()> {
    let sender = match open {
        Some(sender) => sender,
        None => open.insert(connect(plan.address).await?),
    };
    sender.ready().await?;
    let begun = Instant::now();
    let body = format!(
        r#"{{"customer_id": "bench", "source": "bench/{}", "ordered_on": "1997-01-01", "quantity": 1, "total": {{"amount": 1000, "currency": "USD"}}}}"#,
        Uuid::new_v4()
    );
    let request = Request::post("/past-orders")
        .header("host", "bench")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    body.collect().await?;
    let took = begun.elapsed();
    let header = |name: &str| {
        let value = head.headers.get(name).context("a header is missing")?;
        anyhow::Ok(value.to_str()?.to_owned())
    };
    match head.status.as_u16() {
        202 => {
            let operation = header("x-operation")?;
            let id = operation.rsplit('/').next().unwrap_or_default();
            answers.accepted.push((id.parse()?, took));
        }
        429 | 503 => {
            let seconds = header("retry-after")?.parse()?;
            answers.refused.push((seconds, took));
        }
        other => anyhow::bail!("{other}"),
    }
    Ok(())
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // The sender gets the error, too.
        let _ = connection.await;
    });
    Ok(sender)
}
