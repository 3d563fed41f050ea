//! A run over an aggregate type, and the decisions that it compares.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::AtomicU64;

use factline::Timestamp;
use factline_handler::HostedAggregate;
use factline_kafka::{KafkaConfig, Record, Registry};
use tokio::runtime::Handle;

/// A run over an aggregate type, as all of its threads see it.
pub(super) struct Run {
    pub(super) kafka: KafkaConfig,
    pub(super) registry: Registry,
    pub(super) runtime: Handle,
    pub(super) hosted: HostedAggregate,
    pub(super) asked: Asked,
    /// Number of decisions to keep for each kind of difference.
    pub(super) rows: usize,
    /// Number of partitions that are read at the same time.
    pub(super) workers: usize,
    /// Numbers of records that were read, and that are to be read.
    pub(super) done: AtomicU64,
    pub(super) total: AtomicU64,
}

/// The decisions to compare.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) key: Option<String>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

/// The keys of a partition whose states are needed, as hashes.
pub(super) type Keys = HashSet<u64>;

/// Returns the hash of a key. Another key with the same hash costs memory and changes nothing.
pub(super) fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Asked {
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        self.key.as_deref().is_none_or(|own| own.as_bytes() == key)
    }

    pub(super) fn is_in_time(&self, record: &Record) -> bool {
        self.has_time(record.timestamp)
    }

    pub(super) fn has_time(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time <= until)
    }
}

impl Run {
    /// Creates a run that has not begun.
    pub(super) fn new(
        kafka: &KafkaConfig,
        hosted: HostedAggregate,
        asked: Asked,
        rows: usize,
        workers: usize,
    ) -> Self {
        Self {
            kafka: kafka.clone(),
            registry: Registry::of(kafka),
            runtime: Handle::current(),
            hosted,
            asked,
            rows,
            workers,
            done: 0.into(),
            total: 0.into(),
        }
    }
}
