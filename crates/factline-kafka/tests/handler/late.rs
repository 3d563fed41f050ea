//! Answers of the broker that come late: a proxy that knows Kafka's requests by their numbers holds some of them back.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use infra::Servers;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use uuid::Uuid;

use crate::rig::Rig;

/// Numbers of requests, see Kafka's protocol.
const PRODUCE: i16 = 0;
const LIST_OFFSETS: i16 = 2;
const SYNC_GROUP: i16 = 14;
const ADD_OFFSETS: i16 = 25;
const END_TRANSACTION: i16 = 26;
const COMMIT_OFFSETS: i16 = 28;

/// librdkafka looks up where "the end" of a partition is by a question of its own. An answer that comes after the client was
/// sent elsewhere makes it ask once more, and go to the end: past whatever lies between, and without a word. So the handler
/// gives it no such offsets. (`rd_kafka_toppar_handle_Offset` in librdkafka 2.12.)
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_late_sends_nobody_past_commands() {
    let (mut rig, line) = Line::to_a_rig("late").await;
    // Longer than a restore of next to nothing takes. Those that read the state are connected after the group has its
    // members, and are answered in time.
    line.hold_back(LIST_OFFSETS, Duration::from_secs(3), Whom::BeforeSync);
    rig.options.snapshot_every = 0;
    let mut operations = vec![rig.deposit("ada", 1).await];
    let handler = rig.start("a").await;
    // Beyond the late answer, and the question that librdkafka asks half a second after it.
    load(&rig, &mut operations, Duration::from_secs(6)).await;
    let balances = rig.check(&operations).await;
    assert_eq!(usize::try_from(balances["ada"]).unwrap(), operations.len());
    handler.stop().await;
}

/// Whether a step of a transaction was taken is not known when its answer does not come. Whatever was taken: it is neither
/// lost nor done again.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_answer_does_not_come_was_taken_once_or_not_at_all() {
    let (mut rig, line) = Line::to_a_rig("unknown").await;
    // The time for which a call is made again, too.
    rig.options.transaction_timeout_ms = 4_000;
    let mut operations = vec![rig.deposit("ada", 1).await];
    let handler = rig.start("a").await;
    for step in [END_TRANSACTION, COMMIT_OFFSETS, ADD_OFFSETS, PRODUCE] {
        line.hold_back(step, Duration::from_secs(9), Whom::Everybody);
        load(&rig, &mut operations, Duration::from_secs(10)).await;
        line.pass();
        let balances = rig.check(&operations).await;
        assert_eq!(
            usize::try_from(balances["ada"]).unwrap(),
            operations.len(),
            "answers to requests of number {step} were late"
        );
    }
    let said = handler.said.lock().unwrap().clone();
    let unknown = said
        .iter()
        .any(|reason| reason.contains("is unknown: commit"));
    assert!(unknown, "the handler knew of each step: {said:?}");
    handler.stop().await;
}

/// Commands for so long, a hundred in a second.
async fn load(rig: &Rig, operations: &mut Vec<Uuid>, lasts: Duration) {
    let start = Instant::now();
    while start.elapsed() < lasts {
        operations.push(rig.deposit("ada", 1).await);
        sleep(Duration::from_millis(10)).await;
    }
}

/// Whose answers are late.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    Everybody,
    /// Those that were connected before the first member of a group had its partitions: the member itself is.
    BeforeSync,
}

/// What the proxy is told.
#[derive(Default)]
struct Told {
    late: Option<(i16, Duration, Whom)>,
    synced: bool,
}

/// A line to the broker.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<Told>>);

impl Line {
    /// A rig whose handlers come by this line. Servers end with the test process.
    async fn to_a_rig(name: &str) -> (Rig, Self) {
        let servers = tokio::task::spawn_blocking(|| Servers::with_detours(1));
        let servers: &Servers = Box::leak(Box::new(servers.await.unwrap().unwrap()));
        let detour = servers.kafka.detours()[0];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, detour.outer));
        let line = Self::default();
        tokio::spawn(line.clone().forward(listener.await.unwrap(), detour.inner));
        let mut rig = Rig::on(servers, name).await;
        rig.kafka.brokers = format!("127.0.0.1:{}", detour.outer);
        (rig, line)
    }

    fn hold_back(&self, request: i16, by: Duration, whom: Whom) {
        self.0.lock().unwrap().late = Some((request, by, whom));
    }

    fn pass(&self) {
        self.0.lock().unwrap().late = None;
    }

    /// Takes connections for as long as the test lasts.
    async fn forward(self, listener: TcpListener, to: u16) {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else {
                continue;
            };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let before_sync = !self.0.lock().unwrap().synced;
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let asked = Arc::new(Mutex::new(HashMap::new()));
            let (requests, answers) = (self.clone(), self.clone());
            let known = Arc::clone(&asked);
            tokio::spawn(async move { requests.requests(from_client, to_server, &known).await });
            tokio::spawn(async move {
                answers
                    .answers(from_server, to_client, &asked, before_sync)
                    .await
            });
        }
    }

    /// Passes requests on, and remembers what each asks for.
    async fn requests(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        asked: &Mutex<HashMap<[u8; 4], i16>>,
    ) -> io::Result<()> {
        loop {
            let request = frame(&mut from).await?;
            // Number, version, correlation; see "Request Header" in Kafka's protocol.
            if let [_, _, _, _, high, low, _, _, a, b, c, d, ..] = request[..] {
                let number = i16::from_be_bytes([high, low]);
                asked.lock().unwrap().insert([a, b, c, d], number);
                self.0.lock().unwrap().synced |= number == SYNC_GROUP;
            }
            to.write_all(&request).await?;
        }
    }

    /// Passes answers on, those late that are to be.
    async fn answers(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        asked: &Mutex<HashMap<[u8; 4], i16>>,
        before_sync: bool,
    ) -> io::Result<()> {
        loop {
            let answer = frame(&mut from).await?;
            let [_, _, _, _, a, b, c, d, ..] = answer[..] else {
                continue;
            };
            let number = asked.lock().unwrap().remove(&[a, b, c, d]);
            let late = self.0.lock().unwrap().late;
            if let Some((_, by, _)) = late.filter(|(late, _, whom)| {
                number == Some(*late) && (before_sync || *whom == Whom::Everybody)
            }) {
                sleep(by).await;
            }
            to.write_all(&answer).await?;
        }
    }
}

/// A request or an answer, with its length before it.
async fn frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame).await?;
    let length = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
    frame.resize(4 + usize::try_from(length).unwrap_or_default(), 0);
    from.read_exact(&mut frame[4..]).await?;
    Ok(frame)
}
