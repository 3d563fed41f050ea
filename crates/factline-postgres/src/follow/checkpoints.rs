//! The checkpoints of a follower in its database, as its [`Progress`].

use std::collections::HashMap;
use std::time::Duration;

use factline_kafka::KafkaConfig;
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::consumer::host::Progress;
use factline_kafka::topics::watermarks::{self, Extent, extents};
use sqlx::PgPool;

use super::Follower;
use crate::checkpoint::{self, Checkpoint, Cursor, FollowerId};
use crate::halted;
use crate::parked;
use crate::parked_keys::Parked;
use crate::partition::{Stop, TopicKind};

/// Maximum wait for a broker to return the beginning and the end of a log.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reason why the start offsets of partitions are not known yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unavailable {
    #[error(transparent)]
    Partitions(#[from] watermarks::Unknown),
    #[error("cannot read checkpoints")]
    Checkpoints(#[from] sqlx::Error),
}

/// The checkpoints of a follower, as its progress.
#[derive(Debug, Clone)]
pub(super) struct Checkpoints {
    pub(super) follower: Follower,
    pub(super) kafka: KafkaConfig,
    pub(super) pool: PgPool,
}

impl Progress for Checkpoints {
    type Start = Found;
    type Error = Unavailable;

    /// Loads the checkpoints of partitions and the extents of their logs. Writes the first
    /// checkpoint of a new partition, and removes halts that have ended.
    async fn look_up(
        self,
        keys: Vec<TopicPartition>,
    ) -> Result<Vec<(TopicPartition, Found)>, Unavailable> {
        let Checkpoints {
            follower,
            kafka,
            pool,
        } = self;
        let owner: &FollowerId = &follower.owner;
        // Load the checkpoints before the ends of the logs. In the opposite order, another instance
        // could move a checkpoint past an end that was already read.
        let mut connection = pool.acquire().await?;
        let mut known = index(checkpoint::load(&mut connection, owner).await?);
        // Load the parked keys after the checkpoints. If another instance changes them in between,
        // the checkpoint that was read cannot be moved.
        let mut parked = parked::load(&mut connection, owner).await?;
        drop(connection);
        let mut extents = extents(&kafka, keys.clone(), TIMEOUT).await?;
        let mut connection = pool.acquire().await?;
        let mut all = Vec::new();
        for key in keys {
            let kind = follower.topics.iter().find(|(name, _)| *name == key.0);
            let (Some((_, kind)), Some(extent)) = (kind, extents.remove(&key)) else {
                continue;
            };
            let checkpoint = if let Some(checkpoint) = known.remove(&key) {
                checkpoint
            } else {
                let first = first(&key, &extent, *kind);
                checkpoint::begin(&mut connection, owner, &first).await?;
                first
            };
            let parked = Parked {
                redrives: checkpoint.redrives,
                keys: parked.remove(&key).unwrap_or_default(),
            };
            let found = Found {
                kind: *kind,
                checkpoint,
                parked,
                extent,
            };
            all.push((key, found));
        }
        let starts = all.iter().filter(|(_, found)| found.stop().is_none());
        let starts = starts.map(|(key, found)| (key.clone(), found.checkpoint.cursor.next_offset));
        halted::started(&mut connection, owner, &starts.collect::<Vec<_>>()).await?;
        Ok(all)
    }
}

/// Checkpoint of a partition in the database, and the extent of its log on the broker.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: TopicKind,
    pub(super) checkpoint: Checkpoint,
    pub(super) parked: Parked,
    extent: Extent,
}

impl Found {
    /// Returns the reason why the partition cannot start at its checkpoint, if there is one.
    pub(super) fn stop(&self) -> Option<Stop> {
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

/// Returns the first checkpoint of a partition. Events start at offset 0, other records at the
/// oldest one that exists.
fn first(key: &TopicPartition, extent: &Extent, kind: TopicKind) -> Checkpoint {
    let next_offset = match kind {
        TopicKind::Events => 0,
        TopicKind::Records => extent.begins,
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
        redrives: 0,
    }
}

fn index(checkpoints: Vec<Checkpoint>) -> HashMap<TopicPartition, Checkpoint> {
    let keyed = |checkpoint: Checkpoint| {
        let key = (checkpoint.topic.clone(), checkpoint.partition);
        (key, checkpoint)
    };
    checkpoints.into_iter().map(keyed).collect()
}
