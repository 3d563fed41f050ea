//! The offsets that a subscription's group has committed, as its [`Progress`].

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::consumer::host::Progress;
use factline_kafka::topics::watermarks::{self, Extent, extents, identity_of};

/// Maximum wait for the response of a broker.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reason why the start offsets of partitions are not known yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookUpError {
    #[error(transparent)]
    Partitions(#[from] watermarks::Unknown),
    #[error("cannot read the group's offsets")]
    Offsets(#[source] KafkaError),
}

/// Reason why a partition cannot start at the committed offset.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidStart {
    #[error(
        "its group has no committed offset there; run the job `provision` to commit first offsets"
    )]
    NoOffset,
    #[error("log begins at offset {begins}, but record {next} was not read yet")]
    Deleted { begins: i64, next: i64 },
    #[error("log ends at offset {ends}, but records up to {next} were read")]
    Truncated { ends: i64, next: i64 },
}

/// Start of a partition, or the reason why it cannot begin.
pub(crate) type Beginning = Result<Start, InvalidStart>;

/// First offset to fetch of a partition, and the identity of its aggregate's events topic.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) next: i64,
    pub(crate) identity: String,
}

/// Offsets of a consumer group, as the progress of a subscription.
#[derive(Debug, Clone)]
pub(crate) struct GroupOffsets {
    pub(crate) kafka: KafkaConfig,
    pub(crate) group: String,
    /// The aggregate's events topic.
    pub(crate) events: String,
}

impl Progress for GroupOffsets {
    type Start = Beginning;
    type Error = LookUpError;

    /// Returns the group's committed offset of each partition, if the log still holds it.
    async fn look_up(
        self,
        keys: Vec<TopicPartition>,
    ) -> Result<Vec<(TopicPartition, Beginning)>, LookUpError> {
        let GroupOffsets {
            kafka,
            group,
            events,
        } = self;
        let (asking, asked) = (kafka.clone(), keys.clone());
        let committed = tokio::task::spawn_blocking(move || committed(&asking, &group, &asked));
        let committed = committed
            .await
            .map_err(|_| LookUpError::Offsets(KafkaError::Canceled))??;
        let extents = extents(&kafka, keys.clone(), TIMEOUT).await?;
        // The position of an outcome also refers to the events topic.
        let identity = identity_of(&kafka, events).await?;
        let found = keys.into_iter().filter_map(|key| {
            let beginning = check(extents.get(&key)?, committed.get(&key).copied());
            let identity = identity.clone();
            Some((key, beginning.map(|next| Start { next, identity })))
        });
        Ok(found.collect())
    }
}

/// Reads the group's committed offsets. Partitions without one are left out.
fn committed(
    kafka: &KafkaConfig,
    group: &str,
    keys: &[TopicPartition],
) -> Result<HashMap<TopicPartition, i64>, LookUpError> {
    // Only a client with the id of the group can read its offsets. This client does not join the
    // group.
    let client: BaseConsumer = kafka
        .client_config()
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .create()
        .map_err(LookUpError::Offsets)?;
    let mut asked = TopicPartitionList::new();
    for (topic, partition) in keys {
        asked.add_partition(topic, *partition);
    }
    let answered = client.committed_offsets(asked, TIMEOUT);
    let mut committed = HashMap::new();
    for place in answered.map_err(LookUpError::Offsets)?.elements() {
        place.error().map_err(LookUpError::Offsets)?;
        if let Offset::Offset(offset) = place.offset() {
            committed.insert((place.topic().to_owned(), place.partition()), offset);
        }
    }
    Ok(committed)
}

/// Checks that the log still holds the next record.
fn check(extent: &Extent, committed: Option<i64>) -> Result<i64, InvalidStart> {
    let next = committed.ok_or(InvalidStart::NoOffset)?;
    let Extent { begins, ends, .. } = *extent;
    if next < begins {
        Err(InvalidStart::Deleted { begins, next })
    } else if next > ends {
        Err(InvalidStart::Truncated { ends, next })
    } else {
        Ok(next)
    }
}
