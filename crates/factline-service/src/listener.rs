//! The HTTP listener: bounds what connections can cost.
//!
//! - The head of a request arrives within the idle timeout, and has at most 32 KiB and 100 headers.
//! - A client that does not read its response for the write timeout is disconnected.
//! - A process has a maximum number of connections. A new one beyond it replaces the connection
//!   that has waited longest for its first request, or else for its next one, so that idle clients
//!   cannot keep others out.
//! - Beyond a maximum number of requests in progress, requests get 503 at once instead of a queue.
//! - With a limit per caller, further requests of a caller get 429.
//!
//! Bodies are the matter of the routes, which know how large and how slow they may be.

mod connections;
mod rate_limit;
mod shed;
mod stream;
mod streams;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use connections::{Connection, Connections};
pub(crate) use rate_limit::{RateLimit, limit};
pub(crate) use shed::{Permits, shed};
use stream::Stream;
pub(crate) use streams::end;

/// Maximum size of the head of a request, in bytes.
const MAX_HEAD: usize = 32 * 1024;

/// Time for a head that has begun to arrive when the process begins to drain.
const LAST_HEAD: Duration = Duration::from_secs(1);

/// Pause after an error of `accept`, which otherwise fails again at once, for example because the
/// process has too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The limits of a listener.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Maximum number of open connections.
    pub(crate) connections: u32,
    /// Maximum time between two requests of a connection, and for a head to arrive.
    pub(crate) idle: Duration,
    /// Maximum time in which a client reads nothing of a response.
    pub(crate) write: Duration,
}

/// Serves connections until the process drains. Then it accepts no connection any more, and returns
/// when every open request has been answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let connections = Arc::new(Connections::new(limits.connections));
    let tasks = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(connection) = Connections::open(&connections) else {
            // Every connection has a request in progress.
            metrics::counter!("factline_http_connections_refused_total").increment(1);
            tasks.spawn(stream::refuse(stream, shed::overloaded("connections")));
            continue;
        };
        let (router, limits, shutdown) = (router.clone(), limits.clone(), shutdown.clone());
        tasks.spawn(async move {
            let evicted = connection.evicted();
            tokio::select! {
                () = evicted.cancelled() => {
                    metrics::counter!("factline_http_connections_evicted_total").increment(1);
                }
                () = converse(stream, client, router, &limits, &connection, shutdown) => {}
            }
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Answers the requests of one connection.
async fn converse(
    stream: TcpStream,
    client: SocketAddr,
    router: Router,
    limits: &Limits,
    connection: &Arc<Connection>,
    shutdown: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request: Request<Incoming>| {
        let (router, busy) = (router.clone(), Connection::begin(connection));
        async move {
            let mut request = request.map(axum::body::Body::new);
            // Handlers may extract the client's address.
            request.extensions_mut().insert(ConnectInfo(client));
            let response = router.oneshot(request).await?;
            Ok::<_, Infallible>(response.map(|body| busy.until_sent(body)))
        }
    });
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(Stream::new(stream, limits.write)), answer)
    );
    // Errors are those of the client or of the network: there is no one to tell.
    tokio::select! {
        _ = served.as_mut() => return,
        () = shutdown.cancelled() => {}
    }
    served.as_mut().graceful_shutdown();
    tokio::select! {
        _ = served => {}
        () = connection.without_request(LAST_HEAD) => {}
    }
}
