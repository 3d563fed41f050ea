//! Requests that wait for a change of an operation, served by one task per process.
//!
//! The task reads the [`feed`] whenever a transaction of any instance has been committed, and wakes
//! those who wait for an operation that has changed. So the cost of a change does not depend on the
//! number of requests that wait. While none waits, the task reads nothing.
//!
//! A caller first subscribes and then looks at the operation. A change that it does not see is
//! committed after its look, and the task reads it later.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::feed::{self, Change, PAGE};
use crate::store::{self, Found};

/// Interval at which the task looks while requests wait, in case a notification is lost with its
/// connection.
const INTERVAL: Duration = Duration::from_millis(250);

/// Pause after the database did not answer.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of batches that a stream may lag behind. Then it reads from the database.
const BATCHES: usize = 64;

/// Number of operations that one statement reads.
const CHUNK: usize = 500;

/// News of the feed for streams over all operations.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// The next changes, in their order.
    Changes(Arc<[Change]>),
    /// Changes may be missing: a stream must read the feed from where it was.
    Gap,
}

/// The requests that wait. Cheap to clone.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
    /// Ends the task with the last clone.
    _task: Arc<DropGuard>,
}

struct Shared {
    operations: Mutex<HashMap<Uuid, watch::Sender<Option<Arc<Found>>>>>,
    news: broadcast::Sender<News>,
    moved: Notify,
}

/// A subscription to one operation. It ends when it is dropped.
pub struct Watched {
    id: Uuid,
    latest: watch::Receiver<Option<Arc<Found>>>,
    shared: Arc<Shared>,
}

impl Watch {
    /// Starts the task.
    pub fn new(pool: PgPool) -> Self {
        let shared = Arc::new(Shared {
            operations: Mutex::default(),
            news: broadcast::Sender::new(BATCHES),
            moved: Notify::new(),
        });
        let ended = CancellationToken::new();
        let task = Arc::new(ended.clone().drop_guard());
        let following = Arc::clone(&shared);
        tokio::spawn(async move { ended.run_until_cancelled(following.follow(pool)).await });
        Self {
            shared,
            _task: task,
        }
    }

    /// Makes the task look: something may have changed.
    pub fn changed(&self) {
        self.shared.moved.notify_one();
    }

    /// Subscribes to an operation.
    pub fn operation(&self, id: Uuid) -> Watched {
        let latest = {
            let mut operations = self.shared.lock();
            let sender = operations
                .entry(id)
                .or_insert_with(|| watch::Sender::new(None));
            sender.subscribe()
        };
        self.changed();
        Watched {
            id,
            latest,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Subscribes to all changes from now on.
    pub(crate) fn all(&self) -> broadcast::Receiver<News> {
        let news = self.shared.news.subscribe();
        self.changed();
        news
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watched {
    /// Waits for a change after the subscription, or after the last one that was returned. If there
    /// were several, it returns the last one.
    pub async fn next(&mut self) -> Arc<Found> {
        loop {
            if self.latest.changed().await.is_err() {
                // The operation has ended, and its end was returned.
                return std::future::pending().await;
            }
            if let Some(found) = self.latest.borrow_and_update().clone() {
                return found;
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut operations = self.shared.lock();
        // The receiver of this subscription still counts.
        let is_last = operations.get(&self.id).is_some_and(|sender| {
            sender.receiver_count() <= 1 && sender_is_of(sender, &self.latest)
        });
        if is_last {
            operations.remove(&self.id);
        }
    }
}

/// Returns whether a subscription is one of this sender. The entry may be a later one.
fn sender_is_of(
    sender: &watch::Sender<Option<Arc<Found>>>,
    receiver: &watch::Receiver<Option<Arc<Found>>>,
) -> bool {
    sender.subscribe().same_channel(receiver)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<Option<Arc<Found>>>>> {
        self.operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        self.news.receiver_count() == 0 && self.lock().is_empty()
    }

    async fn follow(&self, pool: PgPool) {
        // The number of the last change that was read; none while changes may have been missed.
        let mut last = None;
        loop {
            if self.is_idle() {
                last = None;
                self.moved.notified().await;
                continue;
            }
            if let Err(error) = self.advance(&pool, &mut last).await {
                tracing::debug!(%error, "cannot read the feed of operations; retrying");
                last = None;
                sleep(RETRY_PAUSE).await;
                continue;
            }
            // At the interval too, so it does not matter whether the time ended.
            let _ = timeout(INTERVAL, self.moved.notified()).await;
        }
    }

    /// Reads what is new, and wakes those who wait for it.
    async fn advance(&self, pool: &PgPool, last: &mut Option<i64>) -> Result<(), sqlx::Error> {
        let mut connection = pool.acquire().await?;
        let Some(mut number) = *last else {
            let range = feed::range(&mut connection).await?;
            // Everything up to this number is visible to the look that follows.
            let waiting: Vec<Uuid> = self.lock().keys().copied().collect();
            for ids in waiting.chunks(CHUNK) {
                self.wake(store::find_all(&mut connection, ids).await?);
            }
            *last = Some(range.last);
            let _ = self.news.send(News::Gap);
            return Ok(());
        };
        loop {
            let changes = feed::after(&mut connection, number).await?;
            let Some(newest) = changes.last() else {
                return Ok(());
            };
            number = newest.number;
            let is_last_page = changes.len() < PAGE;
            let waiting: Vec<Uuid> = {
                let operations = self.lock();
                let ids = changes.iter().map(|change| change.operation.id);
                ids.filter(|id| operations.contains_key(id)).collect()
            };
            if !waiting.is_empty() {
                self.wake(store::find_all(&mut connection, &waiting).await?);
            }
            // Without streams there is no receiver.
            let _ = self.news.send(News::Changes(changes.into()));
            *last = Some(number);
            if is_last_page {
                return Ok(());
            }
        }
    }

    fn wake(&self, found: Vec<Found>) {
        let mut operations = self.lock();
        for found in found {
            let (id, has_ended) = (found.operation.id, found.operation.has_ended());
            if let Some(sender) = operations.get(&id) {
                sender.send_replace(Some(Arc::new(found)));
            }
            if has_ended {
                operations.remove(&id);
            }
        }
    }
}
