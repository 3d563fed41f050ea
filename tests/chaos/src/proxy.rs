//! An unreliable network: a TCP proxy between one process and the broker.
//!
//! A cut does not close connections. Bytes stop arriving, as on a broken line, and neither side is
//! notified. When the line is repaired they arrive, as TCP retransmits them. Connections opened
//! meanwhile are accepted and hang. The proxy has no knowledge of Kafka.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Maximum number of pieces in flight in one direction. At the limit the sender has to wait.
const UNDER_WAY: usize = 256;

/// State of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Forwards without delay.
    Good,
    /// Delays all bytes by this time.
    Slow(Duration),
    /// Forwards nothing.
    Cut,
}

/// A proxy. It ends when this value is dropped, and its connections with it.
#[derive(Debug)]
pub struct Proxy {
    line: watch::Sender<Line>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Accepts connections at one port of the loopback address and forwards them to another.
    ///
    /// # Errors
    ///
    /// If the port is taken.
    pub async fn start(from: u16, to: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, from)).await?;
        let (line, state) = watch::channel(Line::Good);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    taken = listener.accept() => {
                        if let Ok((client, _)) = taken {
                            connections.spawn(forward(client, to, state.clone()));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self {
            line,
            _tasks: tasks,
        })
    }

    /// Sets the state of the line for all connections.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

/// Forwards one connection until either side ends it.
async fn forward(client: TcpStream, to: u16, mut line: watch::Receiver<Line>) {
    if passable(&mut line).await.is_none() {
        return;
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else {
        return;
    };
    // Most of the traffic is small requests and responses.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = carry(from_client, to_server, line.clone()) => {}
        () = carry(from_server, to_client, line) => {}
    }
}

/// Forwards one direction. The bytes keep their order, and each piece has its own delay.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: watch::Receiver<Line>) {
    let (put, mut taken) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let mut seen = line.clone();
    let read = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let delay = match *seen.borrow_and_update() {
                Line::Slow(delay) => delay,
                Line::Good | Line::Cut => Duration::ZERO,
            };
            let piece = (Instant::now() + delay, buffer[..length].to_vec());
            if put.send(piece).await.is_err() {
                break;
            }
        }
    };
    let mut line = line;
    let write = async move {
        while let Some((due, piece)) = taken.recv().await {
            sleep_until(due).await;
            if passable(&mut line).await.is_none() || to.write_all(&piece).await.is_err() {
                break;
            }
        }
        // The end of a connection is delayed like its bytes.
        let _ = passable(&mut line).await;
    };
    tokio::join!(read, write);
}

/// Waits until the line is not cut; returns none if the line no longer exists.
async fn passable(line: &mut watch::Receiver<Line>) -> Option<()> {
    line.wait_for(|line| *line != Line::Cut).await.ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a server that echoes, a proxy to it, and a connection through it.
    async fn echo() -> (Proxy, TcpStream) {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = server.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = server.accept().await {
                tokio::spawn(async move {
                    let mut buffer = [0; 64];
                    while let Ok(length @ 1..) = client.read(&mut buffer).await {
                        client.write_all(&buffer[..length]).await.unwrap();
                    }
                });
            }
        });
        let from = factline_dev_servers::port::free().unwrap();
        let proxy = Proxy::start(from, to).await.unwrap();
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, from))
            .await
            .unwrap();
        (proxy, client)
    }

    async fn answered(client: &mut TcpStream) -> bool {
        let mut buffer = [0; 2];
        let answer = client.read_exact(&mut buffer);
        let answer = tokio::time::timeout(Duration::from_millis(300), answer).await;
        answer.is_ok_and(|read| read.is_ok()) && &buffer == b"hi"
    }

    #[tokio::test]
    async fn cut_bytes_arrive_when_the_line_is_repaired() {
        let (proxy, mut client) = echo().await;
        client.write_all(b"hi").await.unwrap();
        assert!(answered(&mut client).await);
        proxy.set(Line::Cut);
        client.write_all(b"hi").await.unwrap();
        assert!(!answered(&mut client).await, "the line is cut");
        proxy.set(Line::Good);
        assert!(answered(&mut client).await);
    }

    #[tokio::test]
    async fn slow_line_delays_both_directions() {
        let (proxy, mut client) = echo().await;
        proxy.set(Line::Slow(Duration::from_millis(40)));
        let start = Instant::now();
        client.write_all(b"hi").await.unwrap();
        assert!(answered(&mut client).await);
        assert!(start.elapsed() >= Duration::from_millis(80));
    }

    #[tokio::test]
    async fn missing_server_ends_the_connection() {
        let from = factline_dev_servers::port::free().unwrap();
        let _proxy = Proxy::start(from, factline_dev_servers::port::free().unwrap())
            .await
            .unwrap();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, from))
            .await
            .unwrap();
        assert_eq!(client.read(&mut [0; 2]).await.unwrap_or(0), 0);
    }
}
