//! Which partitions are ours, and from where: the group says both.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::Error;
use super::host::{Host, RETRY};
use super::readiness::Trouble;
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::{self, Change, Key};
use factline_kafka::consumer::start_lookups::TakeOvers;
use factline_kafka::topics::watermarks::{self, Extent, extents, identity_of};

/// How long a broker may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why partitions cannot be begun with for now.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(transparent)]
    Partitions(#[from] watermarks::Unknown),
    #[error("cannot read the group's offsets")]
    Offsets(#[source] KafkaError),
}

/// Why a partition cannot be followed from where the group is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("its group has no committed offset there; the job `provision` commits first ones")]
    NoOffset,
    #[error("log begins at offset {begins}, but record {next} was not read yet")]
    Deleted { begins: i64, next: i64 },
    #[error("log ends at offset {ends}, but records up to {next} were read")]
    Truncated { ends: i64, next: i64 },
}

/// Start of a partition, or the reason why it cannot begin.
pub(crate) type Beginning = Result<Start, Lost>;

/// First offset to fetch of a partition, and the identity of its aggregate's events topic.
#[derive(Debug)]
pub(crate) struct Start {
    next: i64,
    identity: String,
}

impl Host {
    /// Acts on the rebalances that `poll` has announced.
    pub(crate) fn take_changes(&mut self) {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Revoked(keys) => {
                    self.release(&keys);
                    self.log("partitions were given back", &keys);
                }
                Change::Assigned(keys) => self.take_over(keys),
            }
        }
        self.begin();
    }

    fn take_over(&mut self, keys: Vec<Key>) {
        self.joined = true;
        if keys.is_empty() {
            return;
        }
        let (kafka, group) = (self.kafka.clone(), self.subscription.group.clone());
        let events = self
            .kafka
            .topics(self.subscription.source)
            .events()
            .to_owned();
        self.takeovers.begin(keys, move |keys| {
            look_up(kafka.clone(), group.clone(), events.clone(), keys)
        });
    }

    pub(crate) fn release(&mut self, keys: &[Key]) {
        for key in keys {
            self.places.remove(key);
            self.condition.released(key);
            self.meters.released(key);
            self.arrivals.released(key);
        }
        self.takeovers.release(keys);
        self.pending
            .retain(|record| !keys.iter().any(|key| record.is_of(key)));
        self.meters.stopped(self.places.stopped());
    }

    /// Makes a new consumer, after the old one has failed for good, a start offset was none, or records do not arrive.
    pub(crate) async fn rejoin(&mut self, reason: String) -> Result<(), Error> {
        if self.slot.is_taken(&self.consumer) {
            return Err(Error::SlotTaken {
                name: self.subscription.name.clone(),
                instance: self.kafka.instance.clone(),
            });
        }
        let name = &self.subscription.name;
        tracing::warn!(reaction = name, reason, "joins its group anew");
        self.condition.set(Trouble::Reading, Some(reason));
        tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(RETRY.1) => {}
        }
        self.release(&self.places.keys());
        self.pending.clear();
        self.takeovers = TakeOvers::default();
        self.joined = false;
        // Of the old one's troubles.
        self.condition.set(Trouble::Committing, None);
        self.paused = false;
        self.consumer = self.join()?;
        Ok(())
    }

    /// Begins with those partitions of which it is known where they begin.
    fn begin(&mut self) {
        for reason in self.takeovers.take_failures() {
            let name = &self.subscription.name;
            tracing::warn!(reaction = name, reason, "cannot begin with partitions yet");
            self.meters.retried();
            self.condition.set(Trouble::Beginning, Some(reason));
        }
        let begun = self
            .takeovers
            .take(&self.consumer)
            .map_err(|unsettled| error_chain(&unsettled));
        match begun.and_then(|found| self.begin_with(found).map_err(|error| error_chain(&error))) {
            Ok(()) if self.joined && self.takeovers.is_empty() => {
                self.condition.set(Trouble::Beginning, None);
                self.condition.set(Trouble::Joining, None);
            }
            Ok(()) => {}
            Err(reason) => self.broken = Some(reason),
        }
    }

    fn begin_with(&mut self, found: Vec<(Key, Beginning)>) -> Result<(), KafkaError> {
        if found.is_empty() {
            return Ok(());
        }
        let (mut starts, mut lost) = (Vec::new(), Vec::new());
        for (key, beginning) in found {
            match beginning {
                Ok(Start { next, identity }) => {
                    self.facts.identify(identity);
                    starts.push((key, next));
                }
                Err(why) => lost.push((key, why)),
            }
        }
        group::assign(&self.consumer, &starts)?;
        let keys: Vec<Key> = starts.iter().map(|(key, _)| key.clone()).collect();
        for (key, next) in starts {
            self.places.insert(key, Some(next));
        }
        for (key, why) in lost {
            self.places.insert(key.clone(), None);
            self.stop_partition(&key, &why);
        }
        if self.paused {
            self.pause();
        }
        self.log("partitions were taken over", &keys);
        Ok(())
    }

    fn log(&self, message: &'static str, keys: &[Key]) {
        let partitions = group::listed(keys);
        tracing::info!(reaction = self.subscription.name, partitions, "{message}");
    }
}

/// Looks up the start of each partition: the group's committed offset, if the log still holds it.
async fn look_up(
    kafka: KafkaConfig,
    group: String,
    events: String,
    keys: Vec<Key>,
) -> Result<Vec<(Key, Beginning)>, NotYet> {
    let (asking, asked) = (kafka.clone(), keys.clone());
    let committed = tokio::task::spawn_blocking(move || committed(&asking, &group, &asked));
    let committed = committed
        .await
        .map_err(|_| NotYet::Offsets(KafkaError::Canceled))??;
    let extents = extents(&kafka, keys.clone(), TIMEOUT).await?;
    // An outcome leads to a position of the events, too.
    let identity = identity_of(&kafka, events).await?;
    let found = keys.into_iter().filter_map(|key| {
        let beginning = check(extents.get(&key)?, committed.get(&key).copied());
        let identity = identity.clone();
        Some((key, beginning.map(|next| Start { next, identity })))
    });
    Ok(found.collect())
}

/// Reads the group's committed offsets. Partitions without one are left out.
fn committed(kafka: &KafkaConfig, group: &str, keys: &[Key]) -> Result<HashMap<Key, i64>, NotYet> {
    // Only a client of the group may ask; this one does not join it.
    let client: BaseConsumer = kafka
        .client_config()
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .create()
        .map_err(NotYet::Offsets)?;
    let mut asked = TopicPartitionList::new();
    for (topic, partition) in keys {
        asked.add_partition(topic, *partition);
    }
    let answered = client.committed_offsets(asked, TIMEOUT);
    let mut committed = HashMap::new();
    for place in answered.map_err(NotYet::Offsets)?.elements() {
        place.error().map_err(NotYet::Offsets)?;
        if let Offset::Offset(offset) = place.offset() {
            committed.insert((place.topic().to_owned(), place.partition()), offset);
        }
    }
    Ok(committed)
}

/// Checks that the log still holds the next record.
fn check(extent: &Extent, committed: Option<i64>) -> Result<i64, Lost> {
    let next = committed.ok_or(Lost::NoOffset)?;
    let Extent { begins, ends, .. } = *extent;
    if next < begins {
        Err(Lost::Deleted { begins, next })
    } else if next > ends {
        Err(Lost::Truncated { ends, next })
    } else {
        Ok(next)
    }
}
