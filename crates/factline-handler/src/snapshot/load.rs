//! Reads the snapshots of partitions back, and discards those of a partition if any is invalid.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use factline::{Aggregate, Timestamp};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::cover::{self, Cover};
use super::record::{self, Unusable};
use super::staged::Staged;
use crate::decide::record_factory::RecordFactory;
use crate::recovery::log_reader::{Ends, Error, read_to};
use crate::state::aggregate::AggregateState;
use crate::state::aggregates::Aggregates;
use crate::state::disk::DiskError;
use crate::state::memory::{MOVED, Share};
use crate::state::resources::Shared;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::records::record::Record;

/// Reason why the snapshots of a partition are discarded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
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
    pub(crate) aggregates: Aggregates<A>,
    /// The aggregates with a deadline, by the time of the deadline.
    pub(crate) deadlines: BTreeSet<(Timestamp, Arc<str>)>,
    /// The memory that they use.
    pub(crate) memory: Share,
}

/// The newest records of one partition, as they were read.
#[derive(Debug)]
pub(crate) struct NewestRecords {
    cover: Option<Vec<u8>>,
    records: Staged,
}

/// Returns the states of those partitions that have valid snapshots. `snapshots` and `events` are
/// the first offsets and the end offsets of the two topics.
pub(crate) fn load<A: Aggregate>(
    kafka: &KafkaConfig,
    factory: &RecordFactory,
    snapshots: &Ends,
    events: &Ends,
    shared: &Shared,
    stop: &CancellationToken,
) -> Result<HashMap<i32, Loaded<A>>, Error> {
    let topic = factory.topics.snapshots();
    let mut partitions: HashMap<i32, NewestRecords> = HashMap::new();
    read_to(kafka, topic, snapshots, stop, |message| {
        let record = Record::from(message);
        let newest = partitions.entry(record.partition);
        let newest = newest.or_insert_with(|| NewestRecords::new(shared));
        Ok(newest.take(record)?)
    })?;
    let mut loaded = HashMap::new();
    for (partition, newest) in partitions {
        let ends = events.get(&partition).copied().unwrap_or((0, 0));
        match newest.validate(factory, ends, shared)? {
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
    pub(crate) fn new(shared: &Shared) -> Self {
        Self {
            cover: None,
            records: Staged::new(shared),
        }
    }

    /// Takes the next record of the partition's snapshots.
    pub(crate) fn take(&mut self, record: Record) -> Result<(), DiskError> {
        let lineage = lineage(&record);
        let Some(key) = record.key else {
            return Ok(());
        };
        if key == cover::KEY {
            self.cover = record.value;
            return Ok(());
        }
        self.records.put(key, lineage.zip(record.value))
    }

    /// Returns `None` if there is no cover: then no snapshot was ever written, or all of them are
    /// deleted. The pair is the first offset and the end offset of the partition's events.
    pub(crate) fn validate<A: Aggregate>(
        self,
        factory: &RecordFactory,
        (low, high): (i64, i64),
        shared: &Shared,
    ) -> Result<Result<Option<Loaded<A>>, Invalid>, DiskError> {
        let cover = match self
            .cover
            .map(|cover| valid_cover::<A>(&cover, factory, low, high))
        {
            None => return Ok(Ok(None)),
            Some(Err(invalid)) => return Ok(Err(invalid)),
            Some(Ok(cover)) => cover,
        };
        let mut loaded = Loaded {
            aggregates: Aggregates::<A>::new(&shared.disk),
            deadlines: BTreeSet::new(),
            memory: Share::of(&shared.memory),
            cover,
        };
        let (mut count, mut checksum) = (0, 0_u64);
        for entry in self.records.into_entries()? {
            let (key, lineage, value) = entry?;
            let Some(subject) = record::subject(&key) else {
                continue;
            };
            if lineage != loaded.cover.lineage {
                continue;
            }
            let of_record = record::checksum(&key, &value);
            checksum = checksum.wrapping_add(of_record);
            count += 1;
            let mut stored = match record::decode::<A>(&value) {
                Ok(stored) => stored,
                Err(source) => {
                    let subject = subject.to_owned();
                    return Ok(Err(Invalid::Unusable { subject, source }));
                }
            };
            stored.snapshot_checksum = of_record;
            stored.set_size(subject, value.len());
            loaded.add(subject.into(), stored)?;
        }
        let cover = &loaded.cover;
        if cover.count != count {
            let (count, found) = (cover.count, count);
            return Ok(Err(Invalid::Count { count, found }));
        }
        if checksum != cover.checksum {
            return Ok(Err(Invalid::Checksum));
        }
        Ok(Ok(Some(loaded)))
    }
}

impl<A: Aggregate> Loaded<A> {
    fn add(&mut self, subject: Arc<str>, stored: AggregateState<A>) -> Result<(), DiskError> {
        if let Some(due) = stored.due() {
            self.deadlines.insert((due, Arc::clone(&subject)));
        }
        self.aggregates.put(subject, stored);
        self.memory.set(self.aggregates.bytes());
        // Nothing has changed since its snapshot was written.
        let mut unwritten = HashSet::new();
        while self.memory.budget.is_short()
            && self.aggregates.move_to_disk(MOVED, &mut unwritten)? > 0
        {
            self.memory.set(self.aggregates.bytes());
        }
        Ok(())
    }
}

/// Reads a cover, and checks that it fits the present code and log.
fn valid_cover<A: Aggregate>(
    cover: &[u8],
    factory: &RecordFactory,
    low: i64,
    high: i64,
) -> Result<Cover, Invalid> {
    let cover: Cover = serde_json::from_slice(cover)?;
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
    Ok(cover)
}

/// Returns the lineage of a record; one without it belongs to no cover.
fn lineage(record: &Record) -> Option<Uuid> {
    let value = record.headers.last(record::LINEAGE)?;
    std::str::from_utf8(value).ok()?.parse().ok()
}
