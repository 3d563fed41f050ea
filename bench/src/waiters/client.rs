//! Clients that wait: a connection each, and as little else as possible.

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::server::Child;
use super::{Way, now};

/// A time after which a waiter is lost.
const LOST: std::time::Duration = std::time::Duration::from_secs(30);

/// Open requests, in the order of their operations.
pub(super) struct Waiters(Vec<JoinHandle<Option<u64>>>);

impl Waiters {
    /// Sends a request for each of the ids.
    pub(super) async fn open(
        server: &Child,
        way: Way,
        ids: impl Iterator<Item = String>,
    ) -> Result<Self> {
        let mut waiting = Vec::new();
        for id in ids {
            let request = match way {
                Way::Request => format!(
                    "GET /operations/{id} HTTP/1.1\r\nhost: bench\r\nprefer: wait=60\r\n\r\n"
                ),
                Way::Events => {
                    format!("GET /operations/{id}/events HTTP/1.1\r\nhost: bench\r\n\r\n")
                }
            };
            let mut stream = TcpStream::connect(server.address()).await?;
            stream.write_all(request.as_bytes()).await?;
            waiting.push(tokio::spawn(async move {
                timeout(LOST, end(stream)).await.ok().flatten()
            }));
        }
        Ok(Self(waiting))
    }

    /// Returns the time at which each waiter knew the end.
    pub(super) async fn answered(self) -> Vec<Option<u64>> {
        let mut answered = Vec::with_capacity(self.0.len());
        for waiting in self.0 {
            answered.push(waiting.await.ok().flatten());
        }
        answered
    }
}

/// Reads until the response says that the operation has completed.
async fn end(mut stream: TcpStream) -> Option<u64> {
    let mut text = Vec::new();
    loop {
        if stream.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
        let at = now();
        if String::from_utf8_lossy(&text).contains("completed") {
            return Some(at);
        }
    }
}
