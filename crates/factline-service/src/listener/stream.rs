//! The byte stream of a connection: a time limit for clients that do not read, and problem
//! documents instead of the empty responses of the HTTP parser.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use factline_http::Problem;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Maximum number of bytes that are read and dropped after a refused head. A client that still
/// sends would otherwise lose the response, because the connection would be reset.
const MAX_DROPPED: usize = 1024 * 1024;

/// Time limit for these bytes.
const DROP_WITHIN: Duration = Duration::from_secs(2);

/// The byte stream of a connection.
pub(super) struct Stream {
    inner: TcpStream,
    limit: Duration,
    /// The time at which a write fails; none while the client reads.
    stalled: Option<Pin<Box<Sleep>>>,
    /// A head that was refused, the last one of the connection.
    refused: Option<Refused>,
}

struct Refused {
    /// The part of the response that is not sent yet.
    response: Vec<u8>,
    /// Bytes that the client has sent since, which are dropped.
    dropped: usize,
    until: Pin<Box<Sleep>>,
}

impl Stream {
    /// Limits the time in which the client reads nothing of what is sent.
    pub(super) fn new(inner: TcpStream, limit: Duration) -> Self {
        Self {
            inner,
            limit,
            stalled: None,
            refused: None,
        }
    }

    /// Fails if a write has made no progress for too long.
    fn progress(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.limit;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Sends the response to a refused head.
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(refused) = &mut self.refused {
            while !refused.response.is_empty() {
                let stream = Pin::new(&mut self.inner);
                let sent = ready!(stream.poll_write(context, &refused.response))?;
                refused.response.drain(..sent);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Drops what the client still sends after a refused head.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(refused) = &mut self.refused else {
            return Poll::Ready(());
        };
        let mut buffer = [0; 4096];
        while refused.dropped < MAX_DROPPED && refused.until.as_mut().poll(context).is_pending() {
            let mut read = ReadBuf::new(&mut buffer);
            match ready!(Pin::new(&mut self.inner).poll_read(context, &mut read)) {
                Ok(()) if !read.filled().is_empty() => refused.dropped += read.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.refused.is_none()
            && let Some(problem) = refusal(buffer)
        {
            self.refused = Some(Refused {
                response: rendered(problem),
                dropped: 0,
                until: Box::pin(tokio::time::sleep(DROP_WITHIN)),
            });
        }
        if self.refused.is_some() {
            let sent = self.poll_refusal(context);
            return sent.map_ok(|()| buffer.len());
        }
        let written = Pin::new(&mut self.inner).poll_write(context, buffer);
        self.progress(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut full = buffers.iter().filter(|buffer| !buffer.is_empty());
        if let (Some(only), None) = (full.next(), full.next()) {
            return self.poll_write(context, only);
        }
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, buffers);
        self.progress(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_shutdown(context))?;
        self.poll_rest(context).map(Ok)
    }
}

/// Returns the problem for a response that the HTTP parser has made, which has no body.
fn refusal(response: &[u8]) -> Option<Problem> {
    const BEFORE: &[u8] = b"HTTP/1.1 ";
    let problem = match response.strip_prefix(BEFORE)?.get(..3)? {
        b"400" => Problem::invalid_request().detail("the request is not a request of HTTP/1.1"),
        b"414" | b"431" => too_long(),
        _ => return None,
    };
    let head = response.to_ascii_lowercase();
    let contains = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
    (contains(b"connection: close") && !contains(b"content-type")).then_some(problem)
}

/// Creates the problem of a head that is too large.
fn too_long() -> Problem {
    Problem::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "head-too-large",
        "The head of the request is too large",
    )
    .detail("the request line and the headers may have 32 KiB and 100 headers")
}

/// Returns a problem as the last response of a connection.
fn rendered(problem: Problem) -> Vec<u8> {
    let body = problem.to_json().to_string();
    let (head, _) = problem.into_response().into_parts();
    let mut text = format!("HTTP/1.1 {}\r\nconnection: close\r\n", head.status);
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

/// Answers with a problem on a connection for which there is no room, and closes it.
pub(super) async fn refuse(mut stream: TcpStream, problem: Problem) {
    let response = rendered(problem);
    // The client may be gone.
    let _ = tokio::time::timeout(DROP_WITHIN, stream.write_all(&response)).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair(limit: Duration) -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (Stream::new(server, limit), client)
    }

    #[tokio::test]
    async fn client_that_does_not_read_is_given_up() {
        let (mut stream, client) = pair(Duration::from_millis(200)).await;
        let block = vec![0; 64 * 1024];
        let error = loop {
            if let Err(error) = stream.write_all(&block).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    #[tokio::test]
    async fn responses_of_routes_pass_unchanged() {
        let (mut stream, mut client) = pair(Duration::from_secs(9)).await;
        let sent = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\
                    connection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut received = String::new();
        client.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, sent);
    }
}
