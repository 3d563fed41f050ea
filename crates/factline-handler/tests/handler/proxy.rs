//! Proxy in front of a broker. It knows Kafka's requests by their numbers.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use factline_dev_servers::Servers;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Request numbers of Kafka's protocol.
const JOIN_GROUP: i16 = 11;
const SYNC_GROUP: i16 = 14;

/// Connections whose responses are delayed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    All,
    /// Connections that were opened before the first member of a group had its partitions. That of
    /// the member itself is one of them.
    BeforeSync,
}

/// Settings and state of the proxy.
#[derive(Default)]
struct State {
    late: Option<(i16, Duration, Connections)>,
    synced: bool,
    half: Half,
    no_joins: bool,
}

/// Progress of a rebalance that must not get beyond its first generation.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Half {
    /// No rebalance is being halved.
    #[default]
    Whole,
    /// The next rebalance will be halved.
    Begun,
    /// The members have received the first generation.
    Synced,
    /// A member has requested the second generation, and the request was dropped.
    Halved,
}

/// Proxy in front of a broker. Clones share one state.
#[derive(Clone, Default)]
pub(crate) struct Proxy(Arc<Mutex<State>>);

impl Proxy {
    /// Starts separate servers with a proxy, and returns the address of the proxy. The servers end
    /// with the test process.
    pub(crate) async fn to_servers() -> (Self, &'static Servers, String) {
        let servers = tokio::task::spawn_blocking(|| Servers::with_detours(1));
        let servers: &Servers = Box::leak(Box::new(servers.await.unwrap().unwrap()));
        let detour = servers.kafka.detours()[0];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, detour.outer));
        let proxy = Self::default();
        tokio::spawn(proxy.clone().forward(listener.await.unwrap(), detour.inner));
        (proxy, servers, format!("127.0.0.1:{}", detour.outer))
    }

    pub(crate) fn hold_back(&self, request: i16, by: Duration, connections: Connections) {
        self.0.lock().unwrap().late = Some((request, by, connections));
    }

    /// Stops delaying responses and halving rebalances.
    pub(crate) fn reset(&self) {
        let mut state = self.0.lock().unwrap();
        state.late = None;
        state.half = Half::Whole;
    }

    /// Halves the next rebalance: partitions are revoked in its first generation, but not assigned
    /// to other members in a second one. Requests for the second generation are dropped.
    pub(crate) fn halve_a_rebalance(&self) {
        self.0.lock().unwrap().half = Half::Begun;
    }

    /// Starts or stops holding back requests to join a group.
    pub(crate) fn hold_joins(&self, held: bool) {
        self.0.lock().unwrap().no_joins = held;
    }

    /// Returns whether a rebalance was halved.
    pub(crate) fn has_halved(&self) -> bool {
        self.0.lock().unwrap().half == Half::Halved
    }

    /// Accepts connections until the test ends.
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

    /// Forwards requests and remembers the kind of each.
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
                let mut state = self.0.lock().unwrap();
                state.synced |= number == SYNC_GROUP;
                is_join = number == JOIN_GROUP;
                if is_join && matches!(state.half, Half::Synced | Half::Halved) {
                    state.half = Half::Halved;
                    continue;
                }
            }
            while is_join && self.0.lock().unwrap().no_joins {
                sleep(Duration::from_millis(10)).await;
            }
            to.write_all(&request).await?;
        }
    }

    /// Registers a response, and returns its delay if it is to be delayed.
    fn answered(&self, number: Option<i16>, before_sync: bool) -> Option<Duration> {
        let mut state = self.0.lock().unwrap();
        if number == Some(SYNC_GROUP) && state.half == Half::Begun {
            state.half = Half::Synced;
        }
        let (late, by, connections) = state.late?;
        let is_late = number == Some(late) && (before_sync || connections == Connections::All);
        is_late.then_some(by)
    }

    /// Forwards responses, some of them delayed.
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

/// Reads a request or a response with its length prefix.
async fn frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame).await?;
    let length = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
    frame.resize(4 + usize::try_from(length).unwrap_or_default(), 0);
    from.read_exact(&mut frame[4..]).await?;
    Ok(frame)
}
