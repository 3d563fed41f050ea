//! Broker queries that a host sends outside its loop.
//!
//! Kafka answers the requests of one connection in order. A consumer's connection nearly always has
//! a pending Fetch, which the broker holds back for up to `fetch.wait.max.ms` when there are no new
//! records. A request behind the Fetch waits that long, and the host that sent it does not poll
//! meanwhile. So no host's loop waits for an answer that is not about its present record. It sends
//! the query here, continues, and takes the answer when it has arrived.
//!
//! All hosts of a process that use the same cluster share one thread and one client, which fetches
//! nothing.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use tokio::sync::oneshot;

use crate::client::config::KafkaConfig;
use crate::client::ffi::has_events;

/// Isolation level at which the end of a partition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Up to the last stable offset: an open transaction begins there.
    ReadCommitted,
    /// Up to the high watermark.
    ReadUncommitted,
}

/// Number of consecutive failed queries after which a new client is created.
const NEW_CLIENT: u32 = 5;

/// The client that sends the queries.
pub type Client = BaseConsumer<Quiet>;

/// A query. It returns whether the brokers answered.
type Query = Box<dyn FnOnce(Result<&Client, &KafkaError>) -> bool + Send>;

/// Running threads, by the properties of their clients.
type Threads = BTreeMap<Vec<(String, String)>, Weak<mpsc::Sender<Query>>>;

/// Sends queries to the brokers on a separate thread. Connects at the first query.
#[derive(Debug)]
pub struct BrokerQueries {
    config: ClientConfig,
    thread: Option<Arc<mpsc::Sender<Query>>>,
}

/// An answer that may not have arrived yet. Dropping it cancels the query.
#[derive(Debug)]
pub struct Answer<T>(oneshot::Receiver<KafkaResult<T>>);

impl BrokerQueries {
    /// Creates the queries for the cluster of this configuration.
    pub fn new(kafka: &KafkaConfig, isolation: Isolation) -> Self {
        let mut config = kafka.client_config();
        config.set("allow.auto.create.topics", "false").set(
            "isolation.level",
            match isolation {
                Isolation::ReadCommitted => "read_committed",
                Isolation::ReadUncommitted => "read_uncommitted",
            },
        );
        Self {
            config,
            thread: None,
        }
    }

    /// Sends one query after those that were sent before. It should have a timeout, because other
    /// queries wait behind it.
    pub fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&Client) -> KafkaResult<T> + Send + 'static,
    ) -> Answer<T> {
        let (sender, answer) = oneshot::channel();
        let query = move |client: Result<&Client, &KafkaError>| {
            if sender.is_closed() {
                return true;
            }
            let answer = client.map_err(Clone::clone).and_then(question);
            let answered = answer.is_ok();
            // The receiver may have been dropped meanwhile.
            let _ = sender.send(answer);
            answered
        };
        let thread = self.thread.get_or_insert_with(|| shared(&self.config));
        if thread.send(Box::new(query)).is_err() {
            // The thread has ended, so the answer will be an error, `Canceled`. The next query
            // starts a thread.
            self.thread = None;
        }
        Answer(answer)
    }
}

impl<T> Answer<T> {
    /// Waits for the answer.
    pub async fn get(self) -> KafkaResult<T> {
        self.0.await.unwrap_or(Err(KafkaError::Canceled))
    }

    /// Returns the answer if it has arrived. Must not be called again after it has returned the
    /// answer.
    pub fn take(&mut self) -> Option<KafkaResult<T>> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(KafkaError::Canceled)),
        }
    }
}

/// Returns the thread of this process for clients of a configuration. It ends when the last sender
/// is dropped.
fn shared(config: &ClientConfig) -> Arc<mpsc::Sender<Query>> {
    static THREADS: Mutex<Threads> = Mutex::new(BTreeMap::new());
    let properties = config.config_map().into_iter();
    let key: Vec<_> = properties
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    threads.retain(|_, thread| thread.strong_count() > 0);
    if let Some(thread) = threads.get(&key).and_then(Weak::upgrade) {
        return thread;
    }
    let (sender, queries) = mpsc::channel();
    let (thread, config) = (Arc::new(sender), config.clone());
    let spawned = std::thread::Builder::new()
        .name("broker queries".to_owned())
        .spawn(move || answer_all(&config, &queries));
    match spawned {
        Ok(_) => {
            threads.insert(key, Arc::downgrade(&thread));
        }
        Err(error) => tracing::warn!(%error, "cannot start thread for broker queries"),
    }
    thread
}

fn answer_all(config: &ClientConfig, queries: &mpsc::Receiver<Query>) {
    let (mut client, mut failures) = (None, 0);
    while let Ok(query) = queries.recv() {
        if client.is_none() {
            client = Some(config.create_with_context(Quiet));
        }
        let asked = AssertUnwindSafe(|| match &client {
            Some(Ok(client)) => query(Ok(client)),
            Some(Err(error)) => query(Err(error)),
            None => false,
        });
        let answered = catch_unwind(asked).unwrap_or_else(|_| {
            tracing::error!("broker query panicked");
            true
        });
        if let Some(Ok(client)) = &client {
            while has_events(client.client()) {
                client.poll(Duration::ZERO);
            }
        }
        failures = if answered { 0 } else { failures + 1 };
        // A client of librdkafka 2.12 was seen that never connects again, see
        // [`crate::consumer::connectivity`].
        if failures >= NEW_CLIENT || matches!(client, Some(Err(_))) {
            client = None;
            failures = 0;
        }
    }
}

/// A context whose client does not log that brokers are unreachable: the clients that fetch log it
/// already.
#[derive(Debug)]
pub struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client of broker queries");
    }
}

impl ConsumerContext for Quiet {}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn nowhere(group: &str) -> BrokerQueries {
        let kafka = KafkaConfig {
            brokers: "127.0.0.1:9".to_owned(),
            properties: vec![("client.id".to_owned(), group.to_owned())],
            ..KafkaConfig::default()
        };
        BrokerQueries::new(&kafka, Isolation::ReadCommitted)
    }

    fn await_answer<T>(mut answer: Answer<T>) -> KafkaResult<T> {
        let begun = Instant::now();
        loop {
            if let Some(answer) = answer.take() {
                return answer;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no answer");
            std::thread::yield_now();
        }
    }

    #[test]
    fn ask_returns_before_the_answer() {
        let mut queries = nowhere("goes on");
        let (go, gone) = mpsc::channel::<()>();
        let mut answer = queries.ask(move |_| {
            gone.recv().unwrap();
            Ok(7)
        });
        assert!(answer.take().is_none());
        go.send(()).unwrap();
        assert_eq!(await_answer(answer), Ok(7));
    }

    #[test]
    fn hosts_share_a_thread_until_the_last_is_dropped() {
        let (mut one, mut other) = (nowhere("shared"), nowhere("shared"));
        let thread = |queries: &mut BrokerQueries| {
            await_answer(queries.ask(|_| Ok(std::thread::current().id()))).unwrap()
        };
        let shared = thread(&mut one);
        assert_eq!(thread(&mut other), shared);
        drop(one);
        assert_eq!(thread(&mut other), shared);
        drop(other);
        assert_ne!(thread(&mut nowhere("shared")), shared);
    }

    #[test]
    fn panicking_query_is_cancelled_and_the_next_is_answered() {
        let mut queries = nowhere("panics");
        let panics = queries.ask::<()>(|_| panic!("on purpose"));
        assert_eq!(await_answer(panics), Err(KafkaError::Canceled));
        assert_eq!(await_answer(queries.ask(|_| Ok(1))), Ok(1));
    }
}
