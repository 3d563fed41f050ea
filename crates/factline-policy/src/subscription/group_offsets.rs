//! The offsets that a subscription's group has committed, as its [`Progress`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::letters::{self, Letter, Letters};
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
    #[error(transparent)]
    Letters(#[from] letters::ReadError),
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

/// Start of a partition.
#[derive(Debug)]
pub(crate) struct Start {
    /// The committed offset of its group, and the beginning of the run that has committed it.
    pub(crate) committed: Committed,
    /// Name of the group and the partition as a sender of commands. It contains the topic's
    /// identity, because offsets of a recreated topic start over.
    pub(crate) sender: Arc<str>,
    /// Identity of the aggregate's events topic.
    pub(crate) identity: String,
    /// The parked facts of the partition.
    pub(crate) letters: Vec<Letter>,
}

/// A committed offset, and the offset at which the run began that has committed it.
///
/// A run is a sequence of records without a gap. An operator who moves the group's offset ends it:
/// the offset then has no metadata, so another run begins there. Without this, the records over
/// which the operator has moved the offset would count as handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    pub(crate) run: i64,
}

/// Prefix of the metadata of a committed offset; the beginning of the run follows.
const RUN: &str = "run=";

impl Committed {
    fn read(offset: i64, metadata: &str) -> Self {
        let run = metadata
            .strip_prefix(RUN)
            .and_then(|text| text.parse().ok());
        let run = run.filter(|run| (0..=offset).contains(run));
        Self {
            offset,
            run: run.unwrap_or(offset),
        }
    }

    /// Returns the metadata with which the group keeps the beginning of the run.
    pub(crate) fn metadata(self) -> String {
        format!("{RUN}{}", self.run)
    }
}

/// Offsets of a consumer group, as the progress of a subscription.
#[derive(Debug, Clone)]
pub(crate) struct GroupOffsets {
    pub(crate) kafka: KafkaConfig,
    pub(crate) group: String,
    /// The aggregate's events topic.
    pub(crate) events: String,
    /// The group's letters, if the subscription parks keys.
    pub(crate) letters: Option<Letters>,
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
            letters,
        } = self;
        let (asking, asked, sender) = (kafka.clone(), keys.clone(), group.clone());
        let committed = tokio::task::spawn_blocking(move || committed(&asking, &group, &asked));
        let committed = committed
            .await
            .map_err(|_| LookUpError::Offsets(KafkaError::Canceled))??;
        let extents = extents(&kafka, keys.clone(), TIMEOUT).await?;
        // The position of an outcome also refers to the events topic.
        let identity = identity_of(&kafka, events).await?;
        // After the offsets: a letter is written before the offset of its fact is committed.
        let mut letters = match letters {
            Some(letters) => letters.read().await?,
            None => Vec::new(),
        };
        let found = keys.into_iter().filter_map(|key| {
            let extent = extents.get(&key)?;
            let beginning = check(extent, committed.get(&key).copied());
            let (topic, partition) = &key;
            let sender = format!("{sender} {topic}/{partition}#{}", extent.identity).into();
            let identity = identity.clone();
            let letters = letters.extract_if(.., |letter| letter.place() == key);
            let letters = letters.collect();
            let start = |committed| Start {
                committed,
                sender,
                identity,
                letters,
            };
            Some((key.clone(), beginning.map(start)))
        });
        Ok(found.collect())
    }
}

/// Reads the group's committed offsets. Partitions without one are left out.
fn committed(
    kafka: &KafkaConfig,
    group: &str,
    keys: &[TopicPartition],
) -> Result<HashMap<TopicPartition, Committed>, LookUpError> {
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
            let known = Committed::read(offset, place.metadata());
            committed.insert((place.topic().to_owned(), place.partition()), known);
        }
    }
    Ok(committed)
}

/// Checks that the log still holds the next record.
fn check(extent: &Extent, committed: Option<Committed>) -> Result<Committed, InvalidStart> {
    let committed = committed.ok_or(InvalidStart::NoOffset)?;
    let next = committed.offset;
    let Extent { begins, ends, .. } = *extent;
    if next < begins {
        Err(InvalidStart::Deleted { begins, next })
    } else if next > ends {
        Err(InvalidStart::Truncated { ends, next })
    } else {
        Ok(committed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_of_an_operator_begins_a_run() {
        let known = Committed { offset: 9, run: 4 };
        assert_eq!(Committed::read(9, &known.metadata()), known);
        for metadata in ["", "run=", "run=x", "run=-1", "run=10", "other"] {
            let begun = Committed { offset: 9, run: 9 };
            assert_eq!(Committed::read(9, metadata), begun, "{metadata}");
        }
    }
}
