//! Consumer groups as an operator sees them: members, their partitions, and committed offsets.

use std::collections::BTreeMap;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::groups::GroupMemberInfo;
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::client::config::KafkaConfig;
use crate::consumer::unassigned_partitions::decode_assignment;
use crate::tools::servers::PATIENCE;
use crate::topics::TopicPartition;
use crate::topics::admin::RequestError;
use crate::topics::provision::{Error, retry_while_propagating};

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name, with the prefix.
    pub name: String,
    /// The state as Kafka names it: `Stable`, `Empty`, `PreparingRebalance` and others.
    pub state: String,
    /// The members.
    pub members: Vec<Member>,
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The instance id (`group.instance.id`); none if the process was started without one.
    pub instance: Option<String>,
    /// The client id.
    pub client: String,
    /// Host from which it is connected.
    pub host: String,
    /// The partitions that it owns.
    pub partitions: Vec<TopicPartition>,
}

/// Returns the groups whose names begin with the configured prefix, by name. Blocks until the
/// brokers have answered, for up to [`PATIENCE`].
pub fn groups(config: &KafkaConfig) -> Result<Vec<Group>, RequestError> {
    let failed = |source| RequestError::new("list the consumer groups", source);
    let client: BaseConsumer = config.client_config().create().map_err(failed)?;
    let listed = client.fetch_group_list(None, PATIENCE).map_err(failed)?;
    let groups = listed.groups().iter();
    let mut groups: Vec<Group> = groups
        .filter(|group| group.name().starts_with(&config.topic_prefix))
        .map(|group| Group {
            name: group.name().to_owned(),
            state: group.state().to_owned(),
            members: group.members().iter().map(member).collect(),
        })
        .collect();
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(groups)
}

/// Returns the committed offsets of a group in those of the partitions that have one. Blocks until
/// the brokers have answered: for up to [`PATIENCE`], or longer while the group's coordinator
/// moves.
pub fn committed(
    config: &KafkaConfig,
    group: &str,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let failed = |source| RequestError::new(format!("read the offsets of {group}"), source);
    // A consumer that does not subscribe joins no group.
    let client: BaseConsumer = config
        .client_config()
        .set("group.id", group)
        .create()
        .map_err(failed)?;
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        asked.add_partition(topic, *partition);
    }
    let committed = retry_while_propagating(|| {
        let committed = client.committed_offsets(asked.clone(), PATIENCE);
        Ok(committed.map_err(failed)?)
    })?;
    let mut offsets = BTreeMap::new();
    for place in committed.elements() {
        place.error().map_err(failed)?;
        if let Offset::Offset(next) = place.offset() {
            offsets.insert((place.topic().to_owned(), place.partition()), next);
        }
    }
    Ok(offsets)
}

/// Commits offsets for a group. Blocks until the brokers have answered.
///
/// # Errors
/// If the group has members, or the brokers do not answer.
pub fn commit(
    config: &KafkaConfig,
    group: &str,
    offsets: &BTreeMap<TopicPartition, i64>,
) -> Result<(), Error> {
    let failed = |source| RequestError::new(format!("commit offsets of group {group}"), source);
    let client: BaseConsumer = config
        .client_config()
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
        .map_err(failed)?;
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for ((topic, partition), next) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*next))
            .map_err(failed)?;
    }
    retry_while_propagating(|| Ok(client.commit(&list, CommitMode::Sync).map_err(failed)?))
}

fn member(member: &GroupMemberInfo) -> Member {
    Member {
        instance: instance(member.id(), member.client_id()),
        client: member.client_id().to_owned(),
        host: member.client_host().trim_start_matches('/').to_owned(),
        partitions: decode_assignment(member.assignment().unwrap_or_default()),
    }
}

/// Returns the instance id in a member id. The coordinator builds the member id from the instance
/// id, or from the client id if there is none, and a random UUID.
fn instance(member: &str, client: &str) -> Option<String> {
    let uuid = uuid::fmt::Hyphenated::LENGTH;
    let (name, random) = member.split_at_checked(member.len().checked_sub(uuid)?)?;
    random.parse::<Uuid>().ok()?;
    let name = name.strip_suffix('-')?;
    (name != client).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_partition_has_no_offset_and_needs_no_broker() {
        let nowhere = KafkaConfig {
            brokers: "127.0.0.1:9".to_owned(),
            ..KafkaConfig::default()
        };
        assert_eq!(committed(&nowhere, "any", &[]).unwrap(), BTreeMap::new());
    }

    #[test]
    fn instance_is_read_from_a_static_member_id() {
        let random = "7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11";
        let of = |name: &str| instance(&format!("{name}-{random}"), "rdkafka");
        assert_eq!(of("projectors-2").as_deref(), Some("projectors-2"));
        assert_eq!(of("rdkafka"), None);
        for other in ["", "projectors", random, "é"] {
            assert_eq!(instance(other, "rdkafka"), None, "{other}");
        }
    }
}
