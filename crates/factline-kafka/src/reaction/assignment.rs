//! Which partitions are ours, and from where: the group says both.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::Error;
use super::condition::Trouble;
use super::host::{Host, RETRY};
use crate::ends::ends_of;
use crate::identity;
use crate::in_one_line;
use crate::member::{self, Change, Key};

/// How long a broker may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why partitions cannot be begun with for now.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(transparent)]
    Identity(#[from] identity::Error),
    #[error("cannot read the group's offsets")]
    Offsets(#[source] KafkaError),
    #[error("cannot read the ends of {topic}/{partition}")]
    Ends {
        topic: String,
        partition: i32,
        source: KafkaError,
    },
    #[error("cannot begin to fetch")]
    Assign(#[source] KafkaError),
}

/// Why a partition cannot be followed from where the group is.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("its group has no committed offset there; the job `provision` commits first ones")]
    NoOffset,
    #[error("log begins at offset {begins}, but record {next} was not read yet")]
    Deleted { begins: i64, next: i64 },
    #[error("log ends at offset {ends}, but records up to {next} were read")]
    Truncated { ends: i64, next: i64 },
}

/// Partitions that were assigned and not begun with: librdkafka waits for an answer.
pub(super) struct Unanswered {
    keys: Vec<Key>,
    next_try: Instant,
    wait: Duration,
}

impl Host {
    /// Acts on the rebalances that `poll` has announced.
    pub(super) fn take_changes(&mut self) {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Revoked(keys) => {
                    self.release(&keys);
                    self.log("partitions were given back", &keys);
                }
                Change::Assigned(keys) => {
                    self.unanswered = Some(Unanswered {
                        keys,
                        next_try: Instant::now(),
                        wait: RETRY.0,
                    });
                }
            }
        }
        self.begin();
    }

    pub(super) fn release(&mut self, keys: &[Key]) {
        for key in keys {
            self.places.remove(key);
            self.condition.released(key);
            self.meters.released(key);
            self.arrivals.released(key);
        }
        self.pending
            .retain(|record| !keys.iter().any(|key| record.is_of(key)));
        self.meters.stopped(self.places.stopped());
    }

    /// Makes a new consumer, after the old one has failed for good, a start offset was none, or records do not arrive.
    pub(super) async fn rejoin(&mut self, reason: String) -> Result<(), Error> {
        if self.slot.is_taken(&self.consumer) {
            return Err(Error::SlotTaken {
                name: self.reaction.name.clone(),
                instance: self.kafka.instance.clone(),
            });
        }
        let name = &self.reaction.name;
        tracing::warn!(reaction = name, reason, "joins its group anew");
        self.condition.set(Trouble::Reading, Some(reason));
        tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(RETRY.1) => {}
        }
        self.release(&self.places.keys());
        self.pending.clear();
        self.unanswered = None;
        // Of the old one's troubles.
        self.condition.set(Trouble::Committing, None);
        self.paused = false;
        let fresh = self.join()?;
        member::leave(std::mem::replace(&mut self.consumer, fresh));
        Ok(())
    }

    /// Begins with what was assigned, or tries to, if it is time to.
    fn begin(&mut self) {
        let Some(mut unanswered) = self.unanswered.take() else {
            return;
        };
        if Instant::now() < unanswered.next_try {
            self.unanswered = Some(unanswered);
            return;
        }
        match self.try_begin(&unanswered.keys) {
            Ok(()) => {
                self.condition.set(Trouble::Beginning, None);
                self.condition.set(Trouble::Joining, None);
                self.log("partitions were taken over", &unanswered.keys);
            }
            Err(error) => {
                let (name, reason) = (&self.reaction.name, in_one_line(&error));
                tracing::warn!(reaction = name, reason, "cannot begin with partitions yet");
                self.meters.retried();
                self.condition.set(Trouble::Beginning, Some(reason));
                unanswered.next_try = Instant::now() + unanswered.wait;
                unanswered.wait = (unanswered.wait * 2).min(RETRY.1);
                self.unanswered = Some(unanswered);
            }
        }
    }

    fn try_begin(&mut self, keys: &[Key]) -> Result<(), NotYet> {
        let (mut starts, mut lost) = (Vec::new(), Vec::new());
        if !keys.is_empty() {
            self.facts.identify(&self.kafka)?;
            for (key, committed) in self.committed(keys)? {
                match self.check(&key, committed)? {
                    Ok(next) => starts.push((key, next)),
                    Err(why) => lost.push((key, why)),
                }
            }
        }
        member::assign(&self.consumer, &starts).map_err(NotYet::Assign)?;
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
        Ok(())
    }

    /// Where the group has come to.
    fn committed(&self, keys: &[Key]) -> Result<Vec<(Key, Option<i64>)>, NotYet> {
        let mut asked = TopicPartitionList::new();
        for (topic, partition) in keys {
            asked.add_partition(topic, *partition);
        }
        let committed = self.consumer.committed_offsets(asked, TIMEOUT);
        let mut places = Vec::new();
        for place in committed.map_err(NotYet::Offsets)?.elements() {
            place.error().map_err(NotYet::Offsets)?;
            let offset = match place.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            places.push(((place.topic().to_owned(), place.partition()), offset));
        }
        Ok(places)
    }

    /// Whether the log still holds what comes next.
    fn check(&self, key: &Key, committed: Option<i64>) -> Result<Result<i64, Lost>, NotYet> {
        let Some(next) = committed else {
            return Ok(Err(Lost::NoOffset));
        };
        let (topic, partition) = (key.0.clone(), key.1);
        let (begins, ends) =
            ends_of(&self.consumer, &topic, partition, TIMEOUT).map_err(|source| NotYet::Ends {
                topic,
                partition,
                source,
            })?;
        Ok(if next < begins {
            Err(Lost::Deleted { begins, next })
        } else if next > ends {
            Err(Lost::Truncated { ends, next })
        } else {
            Ok(next)
        })
    }

    fn log(&self, message: &'static str, keys: &[Key]) {
        let partitions = member::listed(keys);
        tracing::info!(reaction = self.reaction.name, partitions, "{message}");
    }
}
