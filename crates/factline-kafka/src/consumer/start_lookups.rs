//! Takeovers: partitions that a group has given to a host, until the host knows where each of them begins.
//!
//! Where that is, is looked up in a task beside the host's loop, which goes on with the partitions that it has. For the members of
//! [`crate::consumer::group`]; the command handler restores states as well, and has takeovers of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::AbortHandle;

use crate::consumer::group::{self, Events, Key};
use factline::error_chain;

/// Pauses between two tries, from and to.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How long partitions wait for the group to settle in the generation in which they came.
const UNSETTLED: Duration = Duration::from_mins(1);

/// Takeovers that are not finished. `T` is what is found out about a partition.
#[derive(Debug)]
pub struct TakeOvers<T> {
    running: Vec<Running<T>>,
    unsettled: Option<Instant>,
}

/// Why partitions are not begun with: the host needs another client.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The group is in another generation than the one in which partitions came, and stays there.
    #[error("the consumer group does not settle")]
    Unsettled,
    /// A defect: nothing was found out about a partition.
    #[error("the look-up of where {}/{} begins has ended without an answer", .0.0, .0.1)]
    NoAnswer(Key),
}

#[derive(Debug)]
struct Running<T> {
    /// Those that are still ours.
    keys: BTreeSet<Key>,
    found: oneshot::Receiver<Vec<(Key, T)>>,
    failures: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> Default for TakeOvers<T> {
    fn default() -> Self {
        Self {
            running: Vec::new(),
            unsettled: None,
        }
    }
}

impl<T: Send + 'static> TakeOvers<T> {
    /// Looks up where partitions begin, and retries for as long as it fails. To be called within a tokio runtime.
    pub fn begin<E, F>(&mut self, keys: Vec<Key>, look_up: impl Fn(Vec<Key>) -> F + Send + 'static)
    where
        E: std::error::Error + Send,
        F: Future<Output = Result<Vec<(Key, T)>, E>> + Send,
    {
        let (sender, found) = oneshot::channel();
        let failures = Arc::new(Mutex::new(Vec::new()));
        let (failed, asked) = (Arc::clone(&failures), keys.clone());
        let task = tokio::spawn(async move {
            let mut pause = RETRY.0;
            loop {
                match look_up(asked.clone()).await {
                    Ok(found) => {
                        // The receiver is gone if the partitions were taken away meanwhile.
                        let _ = sender.send(found);
                        return;
                    }
                    Err(error) => lock(&failed).push(error_chain(&error)),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
        });
        self.running.push(Running {
            keys: keys.into_iter().collect(),
            found,
            failures,
            task: task.abort_handle(),
        });
    }

    /// These partitions were taken away again.
    pub fn release(&mut self, keys: &[Key]) {
        for takeover in &mut self.running {
            for key in keys {
                takeover.keys.remove(key);
            }
        }
        self.running.retain(|takeover| !takeover.keys.is_empty());
    }

    /// Whether every partition that was given to the host has been begun with.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Why tries have failed since the last call.
    pub fn take_failures(&mut self) -> Vec<String> {
        let running = self.running.iter();
        running
            .flat_map(|takeover| std::mem::take(&mut *lock(&takeover.failures)))
            .collect()
    }

    /// What was found out since the last call, of partitions that are still ours. They may be fetched at once: while the
    /// group is being formed anew nothing is handed out, since librdkafka would take a call that adds partitions for the
    /// answer to its rebalance.
    ///
    /// # Errors
    /// If that takes longer than a minute; then the host needs another client.
    pub fn take(&mut self, consumer: &BaseConsumer<Events>) -> Result<Vec<(Key, T)>, Failed> {
        if self.running.is_empty() || group::is_settled(consumer) {
            self.unsettled = None;
        } else {
            let since = *self.unsettled.get_or_insert_with(Instant::now);
            return if since.elapsed() > UNSETTLED {
                Err(Failed::Unsettled)
            } else {
                Ok(Vec::new())
            };
        }
        let mut all = Vec::new();
        let mut index = 0;
        while let Some(takeover) = self.running.get_mut(index) {
            let found = match takeover.found.try_recv() {
                Ok(found) => found,
                Err(TryRecvError::Empty) => {
                    index += 1;
                    continue;
                }
                Err(TryRecvError::Closed) => Vec::new(),
            };
            let mut wanted = std::mem::take(&mut takeover.keys);
            self.running.remove(index);
            all.extend(found.into_iter().filter(|(key, _)| wanted.remove(key)));
            if let Some(key) = wanted.pop_first() {
                return Err(Failed::NoAnswer(key));
            }
        }
        Ok(all)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
