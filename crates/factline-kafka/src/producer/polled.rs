//! A producer whose delivery reports are served by a thread that sleeps while there are none.
//!
//! The crate's `ThreadedProducer` polls in rounds of 100 ms and spins through the last millisecond
//! of each, since its deadline is exact and librdkafka's is in whole milliseconds
//! (`BaseProducer::poll`, rust-rdkafka 0.39). That costs one percent of a core for each producer of
//! an idle process. Here librdkafka wakes the thread when its queue stops being empty.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

use crate::client::ffi::{self, ReportQueue, has_events};

/// Maximum sleep of the thread: a report without a wake-up is still served.
const AT_MOST: Duration = Duration::from_secs(1);

/// A [`BaseProducer`] that needs no polling.
pub struct PolledProducer<C: ProducerContext + 'static> {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    // Fields are dropped in this order: the queue's callback must be removed before the producer is
    // dropped.
    reports: ReportQueue,
    producer: Arc<BaseProducer<C>>,
}

impl<C: ProducerContext + 'static> PolledProducer<C> {
    /// Creates the producer and starts its thread.
    ///
    /// # Errors
    /// If the configuration is wrong, or the operating system cannot start a thread.
    pub fn new(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let producer: Arc<BaseProducer<C>> = Arc::new(config.create_with_context(context)?);
        let stopping = Arc::new(AtomicBool::new(false));
        let (polled, stop) = (Arc::clone(&producer), Arc::clone(&stopping));
        let thread = thread::Builder::new()
            .name("producer reports".to_owned())
            .spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    while has_events(polled.client()) {
                        polled.poll(Duration::ZERO);
                    }
                    thread::park_timeout(AT_MOST);
                }
            })
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self {
            stopping,
            reports: ReportQueue::waking(&producer, thread.thread().clone()),
            thread: Some(thread),
            producer,
        })
    }
}

impl<C: ProducerContext + 'static> PolledProducer<C> {
    /// Waits until every record has been acknowledged or has failed, and returns whether that took
    /// no longer than `timeout`.
    ///
    /// The crate's `flush` waits in steps of 100 ms, and keeps `linger.ms`; this one sends at once,
    /// and returns with the last acknowledgement.
    pub fn flush_at_once(&self, timeout: Duration) -> bool {
        ffi::flush(&self.producer, timeout)
    }
}

impl<C: ProducerContext + 'static> Deref for PolledProducer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for PolledProducer<C> {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.reports.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("thread for delivery reports panicked");
        }
    }
}
