//! A line to the broker: a proxy that knows Kafka's requests by their numbers.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dev_servers::Servers;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Numbers of requests, see Kafka's protocol.
const JOIN_GROUP: i16 = 11;
const SYNC_GROUP: i16 = 14;

/// Whose answers are late.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    Everybody,
    /// Those that were connected before the first member of a group had its partitions: the member itself is.
    BeforeSync,
}

/// What the proxy is told.
#[derive(Default)]
struct Told {
    late: Option<(i16, Duration, Whom)>,
    synced: bool,
    half: Half,
    no_joins: bool,
}

/// How far a rebalance has come that is to get no further than its first generation.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Half {
    /// None is.
    #[default]
    Whole,
    /// The next one.
    Begun,
    /// Members know the first generation.
    Synced,
    /// One has asked for the second, in vain.
    Halved,
}

/// A line to the broker.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<Mutex<Told>>);

impl Line {
    /// A line to servers of its own, and the address at which it is entered. The servers end with the test process.
    pub(crate) async fn to_servers() -> (Self, &'static Servers, String) {
        let servers = tokio::task::spawn_blocking(|| Servers::with_detours(1));
        let servers: &Servers = Box::leak(Box::new(servers.await.unwrap().unwrap()));
        let detour = servers.kafka.detours()[0];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, detour.outer));
        let line = Self::default();
        tokio::spawn(line.clone().forward(listener.await.unwrap(), detour.inner));
        (line, servers, format!("127.0.0.1:{}", detour.outer))
    }

    pub(crate) fn hold_back(&self, request: i16, by: Duration, whom: Whom) {
        self.0.lock().unwrap().late = Some((request, by, whom));
    }

    /// Holds back nothing more.
    pub(crate) fn pass(&self) {
        let mut told = self.0.lock().unwrap();
        told.late = None;
        told.half = Half::Whole;
    }

    /// The next rebalance comes to its first generation, in which partitions leave, and not to the second, in which they are
    /// given to somebody else: who asks for it is not heard.
    pub(crate) fn halve_a_rebalance(&self) {
        self.0.lock().unwrap().half = Half::Begun;
    }

    /// Who asks to join its group is not heard, or is heard now.
    pub(crate) fn hold_joins(&self, held: bool) {
        self.0.lock().unwrap().no_joins = held;
    }

    /// Whether a rebalance was halved.
    pub(crate) fn has_halved(&self) -> bool {
        self.0.lock().unwrap().half == Half::Halved
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
            let mut is_join = false;
            // Number, version, correlation; see "Request Header" in Kafka's protocol.
            if let [_, _, _, _, high, low, _, _, a, b, c, d, ..] = request[..] {
                let number = i16::from_be_bytes([high, low]);
                asked.lock().unwrap().insert([a, b, c, d], number);
                let mut told = self.0.lock().unwrap();
                told.synced |= number == SYNC_GROUP;
                is_join = number == JOIN_GROUP;
                if is_join && matches!(told.half, Half::Synced | Half::Halved) {
                    told.half = Half::Halved;
                    continue;
                }
            }
            while is_join && self.0.lock().unwrap().no_joins {
                sleep(Duration::from_millis(10)).await;
            }
            to.write_all(&request).await?;
        }
    }

    /// Takes note of an answer; says by how much it is late, if it is to be.
    fn answered(&self, number: Option<i16>, before_sync: bool) -> Option<Duration> {
        let mut told = self.0.lock().unwrap();
        if number == Some(SYNC_GROUP) && told.half == Half::Begun {
            told.half = Half::Synced;
        }
        let (late, by, whom) = told.late?;
        let is_late = number == Some(late) && (before_sync || whom == Whom::Everybody);
        is_late.then_some(by)
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
            if let Some(by) = self.answered(number, before_sync) {
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
