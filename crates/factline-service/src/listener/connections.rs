//! The open connections of a listener, and which of them wait for a request.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Bytes, Frame, SizeHint};
use tokio_util::sync::CancellationToken;

/// The open connections of a listener.
#[derive(Debug)]
pub(super) struct Connections {
    limit: u32,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: u32,
    /// The connections without a request in progress.
    waiting: BTreeMap<Place, CancellationToken>,
    /// The number of the next place in `waiting`.
    next: u64,
}

/// A place among the connections that wait: first those that have sent no request yet, then the
/// others, each in the order in which they began to wait. Clients that use their connections keep
/// them while other clients open silent ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    has_sent: bool,
    number: u64,
}

/// One open connection.
#[derive(Debug)]
pub(super) struct Connection {
    all: Arc<Connections>,
    evicted: CancellationToken,
    /// The place in `waiting`; none while a request is in progress.
    waits: Mutex<Option<Place>>,
}

/// A request in progress: from its head to the end of its response.
pub(super) struct Busy(Arc<Connection>);

impl Connections {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            open: Mutex::default(),
        }
    }

    /// Counts a new connection. At the limit, it replaces the first of those that wait for a
    /// request. Returns `None` if none waits.
    pub(super) fn open(all: &Arc<Self>) -> Option<Arc<Connection>> {
        let mut open = all.lock();
        if open.count >= all.limit {
            let (_, oldest) = open.waiting.pop_first()?;
            oldest.cancel();
            // Its own end will not count it a second time.
            open.count -= 1;
        }
        open.count += 1;
        metrics::gauge!("factline_http_connections").set(open.count);
        let evicted = CancellationToken::new();
        let waits = open.wait(evicted.clone(), false);
        drop(open);
        Some(Arc::new(Connection {
            all: Arc::clone(all),
            evicted,
            waits: Mutex::new(Some(waits)),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn wait(&mut self, evicted: CancellationToken, has_sent: bool) -> Place {
        let number = self.next;
        self.next += 1;
        let place = Place { has_sent, number };
        self.waiting.insert(place, evicted);
        place
    }
}

impl Connection {
    /// Returns the token that is cancelled when another connection replaces this one.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }

    /// Begins a request: until its response is sent, the connection cannot be replaced.
    pub(super) fn begin(connection: &Arc<Self>) -> Busy {
        let waits = connection.lock().take();
        if let Some(waits) = waits {
            connection.all.lock().waiting.remove(&waits);
        }
        Busy(Arc::clone(connection))
    }

    /// Returns once the connection has no request in progress, at the earliest after this time.
    pub(super) async fn without_request(&self, after: Duration) {
        loop {
            tokio::time::sleep(after).await;
            if self.lock().is_some() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut open = self.all.lock();
        if let Some(waits) = self.lock().take() {
            open.waiting.remove(&waits);
        }
        if !self.evicted.is_cancelled() {
            open.count -= 1;
            metrics::gauge!("factline_http_connections").set(open.count);
        }
    }
}

impl Busy {
    /// Keeps the connection busy until a body has been sent.
    pub(super) fn until_sent(self, body: Body) -> Sent {
        Sent { body, _busy: self }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let connection = &self.0;
        let mut open = connection.all.lock();
        if connection.evicted.is_cancelled() {
            return;
        }
        let waits = open.wait(connection.evicted.clone(), true);
        *connection.lock() = Some(waits);
    }
}

/// The body of a response, with the request that it belongs to.
pub(super) struct Sent {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(all: &Arc<Connections>) -> Arc<Connection> {
        Connections::open(all).unwrap()
    }

    #[test]
    fn longest_waiting_connection_is_replaced() {
        let all = Arc::new(Connections::new(2));
        let (first, second) = (open(&all), open(&all));
        let third = open(&all);
        assert!(first.evicted.is_cancelled() && !second.evicted.is_cancelled());
        drop(first);
        assert_eq!(all.lock().count, 2);
        // The second one sends a request, so all that are silent go before it.
        drop(Connection::begin(&second));
        let (fourth, fifth) = (open(&all), open(&all));
        assert!(third.evicted.is_cancelled() && fourth.evicted.is_cancelled());
        assert!(!second.evicted.is_cancelled());
        drop((second, third, fourth, fifth));
        let open = all.lock();
        assert_eq!((open.count, open.waiting.len()), (0, 0));
    }

    #[test]
    fn connection_with_a_request_is_not_replaced() {
        let all = Arc::new(Connections::new(1));
        let first = open(&all);
        let busy = Connection::begin(&first);
        assert!(Connections::open(&all).is_none());
        let body = busy.until_sent(Body::empty());
        assert!(Connections::open(&all).is_none());
        drop(body);
        assert!(Connections::open(&all).is_some());
        assert!(first.evicted.is_cancelled());
    }
}
