//! Which partitions are followed, and from where: the group says which, the checkpoints say from where.

use std::collections::HashMap;
use std::time::Duration;

use factline_kafka::KafkaConfig;
use factline_kafka::consumer::group::{self, Change, Key};
use factline_kafka::consumer::start_lookups::{self, TakeOvers};
use factline_kafka::topics::watermarks::{self, Extent, extents};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use sqlx::PgPool;

use super::{Error, Follower, Host, RETRY};
use crate::checkpoint::{self, Checkpoint, Cursor, Owner};
use crate::partition::{Contents, Partitions, Stop};
use crate::readiness::Trouble;

/// How long a broker may take to say where a log begins and ends.
const ENDS: Duration = Duration::from_secs(5);

/// Why it is not known where partitions begin.
#[derive(Debug, thiserror::Error)]
enum Unavailable {
    #[error(transparent)]
    Partitions(#[from] watermarks::Unknown),
    #[error("cannot read checkpoints")]
    Checkpoints(#[from] sqlx::Error),
}

/// Why partitions are not fetched though it is known where they begin: the host needs another client.
#[derive(Debug, thiserror::Error)]
enum NotFetched {
    #[error(transparent)]
    TakeOver(#[from] start_lookups::Failed),
    #[error("cannot begin to fetch")]
    Assign(#[from] KafkaError),
}

impl Host {
    /// Acts on the rebalances that `poll` has announced, and begins with partitions that were taken over.
    pub(super) async fn take_changes(&mut self) -> Result<(), Error> {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Revoked(keys) => {
                    self.takeovers.release(&keys);
                    for key in &keys {
                        self.release(key);
                        self.meters.released(key);
                    }
                    self.log("partitions were given back", &keys);
                }
                Change::Assigned(keys) => {
                    self.joined = true;
                    if !keys.is_empty() {
                        self.condition.set(Trouble::Topics, None);
                    }
                    self.take_over(keys);
                }
            }
        }
        for reason in self.takeovers.take_failures() {
            let view = &self.follower.owner.view;
            tracing::warn!(view, reason, "cannot begin with partitions yet");
            self.meters.retried();
            self.condition.set(Trouble::Beginning, Some(reason));
        }
        match self.begin() {
            Ok(()) if self.joined && self.takeovers.is_empty() => {
                self.condition.set(Trouble::Beginning, None);
                self.condition.set(Trouble::Joining, None);
                // That of a batch that was given up with its partitions, or of the client before.
                self.condition.set(Trouble::Writing, None);
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(error) => self.rejoin(&error).await,
        }
    }

    fn take_over(&mut self, keys: Vec<Key>) {
        if keys.is_empty() {
            return;
        }
        let (follower, kafka, pool) =
            (self.follower.clone(), self.kafka.clone(), self.pool.clone());
        self.takeovers.begin(keys, move |keys| {
            look_up(follower.clone(), kafka.clone(), pool.clone(), keys)
        });
    }

    /// Starts from the checkpoints again, after another instance has moved one: what was under way is not ours.
    pub(super) fn fall_back(&mut self) {
        self.meters.fenced();
        let keys: Vec<Key> = self.partitions.iter().map(|(key, _)| key).collect();
        self.log("checkpoints were moved by another instance", &keys);
        if let Err(error) = group::unassign(&self.consumer, &keys) {
            tracing::warn!(%error, "cannot stop fetching");
        }
        for key in &keys {
            self.release(key);
        }
        self.take_over(keys);
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
        self.takeovers = TakeOvers::default();
        self.joined = false;
        self.arrivals.anew();
        self.consumer = self.follower.join(&self.kafka, &self.pulse)?;
        Ok(())
    }

    fn release(&mut self, key: &Key) {
        self.partitions.remove(key);
        self.condition.released(key);
        self.arrivals.released(key);
    }

    /// Begins with those partitions whose checkpoints are known.
    fn begin(&mut self) -> Result<(), NotFetched> {
        let found = self.takeovers.take(&self.consumer)?;
        if found.is_empty() {
            return Ok(());
        }
        let (mut starts, mut stops) = (Vec::new(), Vec::new());
        let mut begun = Partitions::default();
        for (key, found) in found {
            let cursor = found.checkpoint.cursor.clone();
            let stop = found.stop();
            if stop.is_none() {
                starts.push((key.clone(), cursor.next_offset));
            }
            begun.insert(&key, found.contents, cursor, stop.is_some());
            stops.extend(stop.map(|stop| (key, stop)));
        }
        group::assign(&self.consumer, &starts)?;
        begun.begun(&group::positions(&self.consumer));
        self.partitions.extend(begun);
        for (key, stop) in stops {
            self.stop(&key, &stop);
        }
        let keys: Vec<Key> = starts.into_iter().map(|(key, _)| key).collect();
        self.log("partitions were taken over", &keys);
        Ok(())
    }

    fn log(&self, message: &'static str, keys: &[Key]) {
        let partitions = group::listed(keys);
        tracing::info!(view = self.follower.owner.view, partitions, "{message}");
    }
}

/// The checkpoints of partitions, beside what the brokers say of them. The first ones are written here.
async fn look_up(
    follower: Follower,
    kafka: KafkaConfig,
    pool: PgPool,
    keys: Vec<Key>,
) -> Result<Vec<(Key, Found)>, Unavailable> {
    let owner: &Owner = &follower.owner;
    // First the checkpoints: another instance may move one meanwhile, past an end that was asked for before.
    let mut known = index(checkpoint::load(&mut *pool.acquire().await?, owner).await?);
    let mut extents = extents(&kafka, keys.clone(), ENDS).await?;
    let mut connection = pool.acquire().await?;
    let mut all = Vec::new();
    for key in keys {
        let contents = follower.topics.iter().find(|(name, _)| *name == key.0);
        let (Some((_, contents)), Some(extent)) = (contents, extents.remove(&key)) else {
            continue;
        };
        let checkpoint = if let Some(checkpoint) = known.remove(&key) {
            checkpoint
        } else {
            let first = first(&key, &extent, *contents);
            checkpoint::begin(&mut connection, owner, &first).await?;
            first
        };
        let found = Found {
            contents: *contents,
            checkpoint,
            extent,
        };
        all.push((key, found));
    }
    Ok(all)
}

/// A partition as the database and as the brokers know it.
#[derive(Debug)]
pub(super) struct Found {
    contents: Contents,
    checkpoint: Checkpoint,
    extent: Extent,
}

impl Found {
    /// Why it cannot be followed from the checkpoint on, if so.
    fn stop(&self) -> Option<Stop> {
        let next = self.checkpoint.cursor.next_offset;
        let Extent { begins, ends, .. } = self.extent;
        if self.checkpoint.topic_identity != self.extent.identity {
            let expected = self.checkpoint.topic_identity.clone();
            let found = self.extent.identity.clone();
            Some(Stop::Recreated { expected, found })
        } else if next < begins {
            Some(Stop::Deleted { begins, next })
        } else if next > ends {
            Some(Stop::Truncated { ends, next })
        } else {
            None
        }
    }
}

/// Where a partition without a checkpoint begins: facts with the first one ever, all else with the oldest there is.
fn first(key: &Key, extent: &Extent, contents: Contents) -> Checkpoint {
    let next_offset = match contents {
        Contents::Events => 0,
        Contents::Records => extent.begins,
    };
    Checkpoint {
        topic: key.0.clone(),
        partition: key.1,
        topic_identity: extent.identity.clone(),
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
