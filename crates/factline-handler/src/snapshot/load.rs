//! Reads the snapshots of partitions back, and discards those of a partition if any is invalid.

use std::collections::HashMap;
use std::sync::Arc;

use factline::Aggregate;
use tokio_util::sync::CancellationToken;

use super::cover::{self, Cover};
use super::record::{self, Unusable};
use crate::decide::record_factory::RecordFactory;
use crate::recovery::log_reader::{Ends, Error, read_to};
use crate::state::aggregate::AggregateState;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::records::record::Record;

/// Reason why the snapshots of a partition are discarded.
#[derive(Debug, thiserror::Error)]
enum Invalid {
    #[error("cannot read the cover record")]
    Cover(#[from] serde_json::Error),
    #[error("expected version {known} of the state, found {found}")]
    Version { found: u32, known: u32 },
    #[error("the cover record names another topic of events")]
    Topic,
    #[error("the cover record continues at event offset {offset}, outside of {low} to {high}")]
    Tail { offset: i64, low: i64, high: i64 },
    #[error("expected {count} snapshots, found {found}")]
    Count { count: u64, found: u64 },
    #[error("snapshot checksum does not match the cover record")]
    Checksum,
    #[error("snapshot of {subject} is unusable")]
    Unusable { subject: String, source: Unusable },
}

/// The state of a partition after loading its snapshots.
#[derive(Debug)]
pub(crate) struct Loaded<A> {
    pub(crate) cover: Cover,
    pub(crate) aggregates: HashMap<Arc<str>, AggregateState<A>>,
}

/// The newest records of one partition, as they were read.
#[derive(Debug, Default)]
struct NewestRecords {
    cover: Option<Vec<u8>>,
    records: HashMap<Vec<u8>, Record>,
}

/// Returns the states of those partitions that have valid snapshots. `snapshots` and `events` are
/// the first offsets and the end offsets of the two topics.
pub(crate) fn load<A: Aggregate>(
    kafka: &KafkaConfig,
    factory: &RecordFactory,
    snapshots: &Ends,
    events: &Ends,
    stop: &CancellationToken,
) -> Result<HashMap<i32, Loaded<A>>, Error> {
    let topic = factory.topics.snapshots();
    let mut partitions: HashMap<i32, NewestRecords> = HashMap::new();
    read_to(kafka, topic, snapshots, stop, |message| {
        let record = Record::from(message);
        partitions.entry(record.partition).or_default().take(record);
        Ok(())
    })?;
    let mut loaded = HashMap::new();
    for (partition, newest) in partitions {
        let ends = events.get(&partition).copied().unwrap_or((0, 0));
        match newest.validate(factory, ends) {
            Ok(Some(state)) => {
                loaded.insert(partition, state);
            }
            Ok(None) => {}
            Err(invalid) => {
                let reason = factline::error_chain(&invalid);
                tracing::warn!(
                    topic,
                    partition,
                    reason,
                    "discarding snapshots; replaying partition from its first event"
                );
                metrics::counter!("factline_snapshots_discarded_total", "aggregate" => factory.contract.aggregate).increment(1);
            }
        }
    }
    Ok(loaded)
}

impl NewestRecords {
    fn take(&mut self, record: Record) {
        let Some(key) = record.key.clone() else {
            return;
        };
        if key == cover::KEY {
            self.cover = record.value;
        } else if record.value.is_some() {
            self.records.insert(key, record);
        } else {
            self.records.remove(&key);
        }
    }

    /// Returns `None` if there is no cover: then no snapshot was ever written, or all of them are
    /// deleted.
    fn validate<A: Aggregate>(
        self,
        factory: &RecordFactory,
        (low, high): (i64, i64),
    ) -> Result<Option<Loaded<A>>, Invalid> {
        let Some(cover) = self.cover else {
            return Ok(None);
        };
        let cover: Cover = serde_json::from_slice(&cover)?;
        let offset = cover.tail.offset;
        if cover.state_version != A::STATE_VERSION {
            let (found, known) = (cover.state_version, A::STATE_VERSION);
            return Err(Invalid::Version { found, known });
        }
        if cover.events != factory.identity() {
            return Err(Invalid::Topic);
        }
        if !(low..=high).contains(&offset) {
            return Err(Invalid::Tail { offset, low, high });
        }
        let lineage = cover.lineage.to_string();
        let mut aggregates = HashMap::with_capacity(self.records.len());
        let mut checksum = 0_u64;
        for (key, record) in self.records {
            let (Some(subject), Some(value)) = (record::subject(&key), &record.value) else {
                continue;
            };
            if !belongs(&record, &lineage) {
                continue;
            }
            let record_checksum = record::checksum(&key, value);
            checksum = checksum.wrapping_add(record_checksum);
            let mut stored = record::decode::<A>(value).map_err(|source| Invalid::Unusable {
                subject: subject.to_owned(),
                source,
            })?;
            stored.snapshot_checksum = record_checksum;
            aggregates.insert(Arc::from(subject), stored);
        }
        let (count, found) = (cover.count, aggregates.len() as u64);
        if count != found {
            return Err(Invalid::Count { count, found });
        }
        if checksum != cover.checksum {
            return Err(Invalid::Checksum);
        }
        Ok(Some(Loaded { cover, aggregates }))
    }
}

fn belongs(record: &Record, lineage: &str) -> bool {
    let mut headers = record.headers.iter();
    headers.any(|(name, value)| name == record::LINEAGE && value == lineage.as_bytes())
}
