//! Which partitions are followed, and from where: the group says which, the checkpoints say from where.

use std::collections::HashMap;
use std::time::Duration;

use factline_kafka::ends::ends_of;
use factline_kafka::identity::{self, topic_identity};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;

use super::{Error, Host, RETRY};
use crate::checkpoint::{self, Checkpoint, Cursor};
use crate::condition::Trouble;
use crate::partition::{Contents, Partitions, Stop};
use factline_kafka::member::{self, Change, Key};

/// How long a broker may take to say where a log begins and ends.
const ENDS: Duration = Duration::from_secs(5);

/// Why partitions cannot be begun for now.
#[derive(Debug, thiserror::Error)]
enum Unavailable {
    #[error(transparent)]
    Identity(#[from] identity::Error),
    #[error("cannot read the ends of {topic}/{partition}")]
    Ends {
        topic: String,
        partition: i32,
        source: KafkaError,
    },
    #[error("cannot read checkpoints")]
    Checkpoints(#[from] sqlx::Error),
    #[error("cannot begin to fetch")]
    Assign(#[from] KafkaError),
}

impl Host {
    /// Acts on the rebalances that `poll` has announced.
    pub(super) async fn take_changes(&mut self) {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Revoked(keys) => {
                    for key in &keys {
                        self.release(key);
                        self.meters.released(key);
                    }
                    self.log("partitions were given back", &keys);
                }
                Change::Assigned(keys) => {
                    self.begin(&keys).await;
                    self.condition.set(Trouble::Joining, None);
                    if !keys.is_empty() {
                        self.condition.set(Trouble::Topics, None);
                    }
                    self.log("partitions were taken over", &keys);
                }
            }
        }
    }

    /// Starts from the checkpoints again, after another instance has moved one: what was under way is not ours.
    pub(super) async fn fall_back(&mut self) {
        self.meters.fenced();
        let keys: Vec<Key> = self.partitions.iter().map(|(key, _)| key).collect();
        self.log("checkpoints were moved by another instance", &keys);
        if let Err(error) = member::unassign(&self.consumer, &keys) {
            tracing::warn!(%error, "cannot stop fetching");
        }
        for key in &keys {
            self.release(key);
        }
        self.begin(&keys).await;
    }

    /// Makes a new consumer, after the old one has failed for good, a start offset was none, or records do not arrive.
    pub(super) async fn rejoin(
        &mut self,
        error: &(dyn std::error::Error + 'static),
    ) -> Result<(), Error> {
        if self.slot.is_taken(&self.consumer) {
            let (view, instance) = (
                self.follower.owner.view.clone(),
                self.kafka.instance.clone(),
            );
            return Err(Error::SlotTaken { view, instance });
        }
        let mut wait = RETRY.1;
        self.wait_out(error, &mut wait).await;
        for key in std::mem::take(&mut self.partitions)
            .iter()
            .map(|(key, _)| key)
        {
            self.condition.released(&key);
        }
        self.arrivals.anew();
        let fresh = self.follower.join(&self.kafka, &self.pulse)?;
        member::leave(std::mem::replace(&mut self.consumer, fresh));
        Ok(())
    }

    fn release(&mut self, key: &Key) {
        self.partitions.remove(key);
        self.condition.released(key);
        self.arrivals.released(key);
    }

    /// Begins with partitions at their checkpoints, trying for as long as it takes.
    async fn begin(&mut self, keys: &[Key]) {
        let mut wait = RETRY.0;
        loop {
            match self.try_begin(keys).await {
                Ok(()) => return self.condition.set(Trouble::Writing, None),
                Err(error) => {
                    if !self.wait_out(&error, &mut wait).await {
                        // librdkafka waits for an answer before it lets go.
                        if let Err(error) = member::assign(&self.consumer, &[]) {
                            tracing::warn!(%error, "cannot decline partitions");
                        }
                        return;
                    }
                }
            }
        }
    }

    async fn try_begin(&mut self, keys: &[Key]) -> Result<(), Unavailable> {
        let checkpoints = self.checkpoints(keys).await?;
        let (mut starts, mut stops) = (Vec::new(), Vec::new());
        let mut begun = Partitions::default();
        for found in checkpoints {
            let key = (found.checkpoint.topic.clone(), found.checkpoint.partition);
            let cursor = found.checkpoint.cursor.clone();
            let stop = found.stop();
            if stop.is_none() {
                starts.push((key.clone(), cursor.next_offset));
            }
            begun.insert(&key, found.contents, cursor, stop.is_some());
            stops.extend(stop.map(|stop| (key, stop)));
        }
        member::assign(&self.consumer, &starts)?;
        begun.begun(&member::positions(&self.consumer));
        self.partitions.extend(begun);
        for (key, stop) in stops {
            self.stop(&key, &stop);
        }
        Ok(())
    }

    /// The checkpoints of partitions, beside what the brokers say of them. The first ones are written here.
    async fn checkpoints(&mut self, keys: &[Key]) -> Result<Vec<Found>, Unavailable> {
        let owner = &self.follower.owner;
        let mut identities: HashMap<&str, String> = HashMap::new();
        let mut connection = self.pool.acquire().await?;
        let mut known = index(checkpoint::load(&mut connection, owner).await?);
        let mut all = Vec::new();
        for key @ (topic, partition) in keys {
            self.pulse.beat();
            let Some(contents) = self.contents(topic) else {
                continue;
            };
            let identity = match identities.get(topic.as_str()) {
                Some(identity) => identity.clone(),
                None => topic_identity(&self.kafka, topic)?,
            };
            identities.insert(topic, identity.clone());
            let (begins, ends) =
                ends_of(&self.consumer, topic, *partition, ENDS).map_err(|source| {
                    Unavailable::Ends {
                        topic: topic.clone(),
                        partition: *partition,
                        source,
                    }
                })?;
            let checkpoint = if let Some(checkpoint) = known.remove(key) {
                checkpoint
            } else {
                let first = first(key, &identity, contents, begins);
                checkpoint::begin(&mut connection, owner, &first).await?;
                first
            };
            all.push(Found {
                contents,
                checkpoint,
                identity,
                begins,
                ends,
            });
        }
        Ok(all)
    }

    fn contents(&self, topic: &str) -> Option<Contents> {
        let known = |(name, _): &&(String, Contents)| name == topic;
        let (_, contents) = self.follower.topics.iter().find(known)?;
        Some(*contents)
    }

    fn log(&self, message: &'static str, keys: &[Key]) {
        let partitions = member::listed(keys);
        tracing::info!(view = self.follower.owner.view, partitions, "{message}");
    }
}

/// A partition as the database and as the brokers know it.
struct Found {
    contents: Contents,
    checkpoint: Checkpoint,
    identity: String,
    begins: i64,
    ends: i64,
}

impl Found {
    /// Why it cannot be followed from the checkpoint on, if so.
    fn stop(&self) -> Option<Stop> {
        let next = self.checkpoint.cursor.next_offset;
        if self.checkpoint.topic_identity != self.identity {
            let expected = self.checkpoint.topic_identity.clone();
            let found = self.identity.clone();
            Some(Stop::Recreated { expected, found })
        } else if next < self.begins {
            let begins = self.begins;
            Some(Stop::Deleted { begins, next })
        } else if next > self.ends {
            let ends = self.ends;
            Some(Stop::Truncated { ends, next })
        } else {
            None
        }
    }
}

/// Where a partition without a checkpoint begins: facts with the first one ever, all else with the oldest there is.
fn first(key: &Key, identity: &str, contents: Contents, begins: i64) -> Checkpoint {
    let next_offset = match contents {
        Contents::Events => 0,
        Contents::Records => begins,
    };
    Checkpoint {
        topic: key.0.clone(),
        partition: key.1,
        topic_identity: identity.to_owned(),
        cursor: Cursor {
            next_offset,
            sequence: 0,
            event_time: None,
        },
    }
}

fn index(checkpoints: Vec<Checkpoint>) -> HashMap<Key, Checkpoint> {
    let keyed = |checkpoint: Checkpoint| {
        let key = (checkpoint.topic.clone(), checkpoint.partition);
        (key, checkpoint)
    };
    checkpoints.into_iter().map(keyed).collect()
}
