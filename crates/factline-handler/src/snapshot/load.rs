//! Reads the snapshots of partitions back, and believes those of a partition only if nothing is wrong with any.

use std::collections::HashMap;
use std::sync::Arc;

use factline::Aggregate;
use tokio_util::sync::CancellationToken;

use super::cover::{self, Cover};
use super::record::{self, Unusable};
use crate::decide::record_factory::Wire;
use crate::recovery::log_reader::{Ends, Error, read_to};
use crate::state::aggregate::Stored;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::records::record::Record;

/// Why the snapshots of a partition are not believed.
#[derive(Debug, thiserror::Error)]
enum Void {
    #[error("their cover cannot be read")]
    Cover(#[from] serde_json::Error),
    #[error("they are of version {found} of the state, and this is version {known}")]
    Version { found: u32, known: u32 },
    #[error("they are of another topic of events")]
    Topic,
    #[error("they go on at offset {offset} of the events, which has {low} to {high}")]
    Tail { offset: i64, low: i64, high: i64 },
    #[error("there should be {count} of them, and {found} are there")]
    Count { count: u64, found: u64 },
    #[error("they are not those that their cover was written for")]
    Checksum,
    #[error("that of {subject} is of no use")]
    Unusable { subject: String, source: Unusable },
}

/// What a partition begins with.
#[derive(Debug)]
pub(crate) struct Loaded<A> {
    pub(crate) cover: Cover,
    pub(crate) aggregates: HashMap<Arc<str>, Stored<A>>,
}

/// The newest records of one partition, as they were read.
#[derive(Debug, Default)]
struct Kept {
    cover: Option<Vec<u8>>,
    records: HashMap<Vec<u8>, Record>,
}

/// The states of those partitions that have snapshots to be believed. `snapshots` and `events` are the first offsets and the
/// ends of the two topics.
pub(crate) fn load<A: Aggregate>(
    kafka: &KafkaConfig,
    wire: &Wire,
    snapshots: &Ends,
    events: &Ends,
    stop: &CancellationToken,
) -> Result<HashMap<i32, Loaded<A>>, Error> {
    let topic = wire.topics.snapshots();
    let mut partitions: HashMap<i32, Kept> = HashMap::new();
    read_to(kafka, topic, snapshots, stop, |message| {
        let record = Record::from(message);
        partitions.entry(record.partition).or_default().take(record);
        Ok(())
    })?;
    let mut loaded = HashMap::new();
    for (partition, kept) in partitions {
        let ends = events.get(&partition).copied().unwrap_or((0, 0));
        match kept.believe(wire, ends) {
            Ok(Some(state)) => {
                loaded.insert(partition, state);
            }
            Ok(None) => {}
            Err(void) => {
                let reason = factline::error_chain(&void);
                tracing::warn!(
                    topic,
                    partition,
                    reason,
                    "snapshots are discarded; the partition is replayed from its first event, and written anew"
                );
                metrics::counter!("factline_snapshots_discarded_total", "aggregate" => wire.contract.aggregate).increment(1);
            }
        }
    }
    Ok(loaded)
}

impl Kept {
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

    /// None if there is no cover: then nothing was ever written, or all of it is gone.
    fn believe<A: Aggregate>(
        self,
        wire: &Wire,
        (low, high): (i64, i64),
    ) -> Result<Option<Loaded<A>>, Void> {
        let Some(cover) = self.cover else {
            return Ok(None);
        };
        let cover: Cover = serde_json::from_slice(&cover)?;
        let offset = cover.tail.offset;
        if cover.state_version != A::STATE_VERSION {
            let (found, known) = (cover.state_version, A::STATE_VERSION);
            return Err(Void::Version { found, known });
        }
        if cover.events != wire.identity() {
            return Err(Void::Topic);
        }
        if !(low..=high).contains(&offset) {
            return Err(Void::Tail { offset, low, high });
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
            let kept = record::checksum(&key, value);
            checksum = checksum.wrapping_add(kept);
            let mut stored = record::decode::<A>(value).map_err(|source| Void::Unusable {
                subject: subject.to_owned(),
                source,
            })?;
            stored.kept = kept;
            aggregates.insert(Arc::from(subject), stored);
        }
        let (count, found) = (cover.count, aggregates.len() as u64);
        if count != found {
            return Err(Void::Count { count, found });
        }
        if checksum != cover.checksum {
            return Err(Void::Checksum);
        }
        Ok(Some(Loaded { cover, aggregates }))
    }
}

fn belongs(record: &Record, lineage: &str) -> bool {
    let mut headers = record.headers.iter();
    headers.any(|(name, value)| name == record::LINEAGE && value == lineage.as_bytes())
}
