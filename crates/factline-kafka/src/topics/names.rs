//! Names of topics, groups and subjects. No other module builds them.
//!
//! | name | made of |
//! |---|---|
//! | topics | `<prefix><context>.<aggregate>.` + `commands`, `events`, `outcomes`, `snapshots`, `dead-letters` |
//! | the handler's consumer group | `<prefix>handler.<context>.<aggregate>` |
//! | a policy's consumer group | `<prefix>policy.<name>` |
//! | registry subject | `<topic>-<full name of the record>`, which Confluent calls topic-record naming |
//! | partition | murmur2 of the key, as in Java clients |

use crate::client::ffi::murmur2_partition;

/// A topic and the number of one of its partitions.
pub type TopicPartition = (String, i32);

/// The topics of one aggregate type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    aggregate: String,
    commands: String,
    events: String,
    outcomes: String,
    snapshots: String,
    dead_letters: String,
    handler_group: String,
}

impl Topics {
    /// Builds the names for an aggregate type such as `catalog.product`.
    pub fn new(prefix: &str, aggregate: &str) -> Self {
        let topic = |kind: &str| format!("{prefix}{aggregate}.{kind}");
        Self {
            aggregate: aggregate.to_owned(),
            commands: topic("commands"),
            events: topic("events"),
            outcomes: topic("outcomes"),
            snapshots: topic("snapshots"),
            dead_letters: topic("dead-letters"),
            handler_group: format!("{prefix}handler.{aggregate}"),
        }
    }

    /// Returns `<context>.<aggregate>`, without prefix.
    pub fn aggregate(&self) -> &str {
        &self.aggregate
    }

    /// Returns the topic of commands.
    pub fn commands(&self) -> &str {
        &self.commands
    }

    /// Returns the topic of events.
    pub fn events(&self) -> &str {
        &self.events
    }

    /// Returns the topic of outcomes: the result of each command.
    pub fn outcomes(&self) -> &str {
        &self.outcomes
    }

    /// Returns the topic of snapshots: a cache of the aggregates' states, written by the handler.
    pub fn snapshots(&self) -> &str {
        &self.snapshots
    }

    /// Returns the topic of commands that could not be handled.
    pub fn dead_letters(&self) -> &str {
        &self.dead_letters
    }

    /// Returns the consumer group of the command handlers.
    pub fn handler_group(&self) -> &str {
        &self.handler_group
    }
}

/// Returns the consumer group of a policy.
pub fn policy_group(prefix: &str, policy: &str) -> String {
    format!("{prefix}policy.{policy}")
}

/// Returns the registry subject of a record on a topic.
pub fn subject(topic: &str, record: &str) -> String {
    format!("{topic}-{record}")
}

/// Returns the partition of a key, by the function that librdkafka's `murmur2` partitioner uses.
///
/// `partitions` is a topic's partition count, at least 1.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    murmur2_partition(key, partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_prefix() {
        let topics = Topics::new("staging.", "catalog.product");
        assert_eq!(topics.commands(), "staging.catalog.product.commands");
        assert_eq!(
            topics.dead_letters(),
            "staging.catalog.product.dead-letters"
        );
        assert_eq!(topics.handler_group(), "staging.handler.catalog.product");
    }

    /// Hashes from Kafka's own `UtilsTest.testMurmur2`, made positive and taken modulo 1000.
    #[test]
    fn partitions_are_those_of_java_clients() {
        let cases: [(&[u8], i32); 4] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"", 275_646_681),
        ];
        for (key, hash) in cases {
            assert_eq!(
                partition_of(key, 1000),
                (hash & 0x7fff_ffff) % 1000,
                "{key:?}"
            );
        }
    }
}
