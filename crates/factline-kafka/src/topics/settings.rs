//! Required settings of an aggregate's topics.
//!
//! | topic | cleanup | reason |
//! |---|---|---|
//! | `commands` | kept, until the tracker trims handled commands ([`crate::topics::trim`]) | append time by the broker, so that a client cannot forge a command's time |
//! | `events` | kept for ever | the only source of truth |
//! | `outcomes` | deleted after [`OUTCOMES_RETENTION_MS`] | longer than the dedupe window, which is restored from this topic |
//! | `snapshots` | compacted, in small segments | the newest record of each key counts, and all of it is read at a restart; a cache, which may be deleted |
//! | `dead-letters` | compacted | a tombstone erases one |
//!
//! The settings of timestamps are described in [`crate::topics::timestamps`].

use factline::Contract;

use crate::topics::Topics;

/// Retention of outcomes: 14 days in milliseconds.
pub const OUTCOMES_RETENTION_MS: i64 = 14 * 24 * 3600 * 1000;

/// Largest record on topics that the handler writes: above the 1 MiB of commands, which outcomes
/// and dead letters wrap.
const MAX_MESSAGE_BYTES: &str = "2097152";

/// Maximum size of a partition's snapshots that a handler reads beside their newest versions when
/// it starts: 32 MiB.
const SNAPSHOTS_SEGMENT_BYTES: i64 = 32 << 20;

/// Settings of a topic whose records get the time of the broker. The bounds do not apply to it.
const APPEND_TIME: [(&str, &str); 1] = [("message.timestamp.type", "LogAppendTime")];

/// Settings of a topic whose records keep the time that the producer gave them. The bounds are the
/// largest values of Kafka's type `long`.
const PRODUCER_TIME: [(&str, &str); 3] = [
    ("message.timestamp.type", "CreateTime"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
    ("message.timestamp.after.max.ms", "9223372036854775807"),
];

/// Required settings of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// Name, with the prefix.
    pub topic: String,
    /// Number of partitions, which is permanent.
    pub partitions: i32,
    /// The configuration that the guarantees depend on; the rest may be the cluster's default.
    pub configs: Vec<(&'static str, String)>,
}

/// Returns the required settings of a contract's topics: the table above.
pub fn settings(contract: &Contract, topics: &Topics) -> [TopicSettings; 5] {
    let forever = ("retention.ms", "-1");
    let large = ("max.message.bytes", MAX_MESSAGE_BYTES);
    let compact = ("cleanup.policy", "compact");
    let retention = OUTCOMES_RETENTION_MS.to_string();
    let retention = ("retention.ms", retention.as_str());
    // Kafka never compacts the newest segment, and all of it is read at a restart.
    let segment = SNAPSHOTS_SEGMENT_BYTES.to_string();
    let small_segments = ("segment.bytes", segment.as_str());
    let topic = |topic: &str, configs: &[(&'static str, &str)], timestamps: &[_]| {
        of(topic, contract.partitions, &[configs, timestamps].concat())
    };
    [
        topic(topics.commands(), &[forever], &APPEND_TIME),
        topic(topics.events(), &[forever, large], &PRODUCER_TIME),
        topic(topics.outcomes(), &[retention, large], &PRODUCER_TIME),
        topic(
            topics.snapshots(),
            &[compact, large, small_segments],
            &PRODUCER_TIME,
        ),
        topic(topics.dead_letters(), &[compact, large], &PRODUCER_TIME),
    ]
}

/// Returns the required settings of a topic of letters, in which a policy's group keeps the facts
/// that it has parked.
pub fn letters(topic: &str, partitions: i32) -> TopicSettings {
    let own = [
        ("cleanup.policy", "compact"),
        ("max.message.bytes", MAX_MESSAGE_BYTES),
    ];
    of(topic, partitions, &[&own[..], &PRODUCER_TIME].concat())
}

fn of(topic: &str, partitions: i32, configs: &[(&'static str, &str)]) -> TopicSettings {
    let configs = configs.iter();
    TopicSettings {
        topic: topic.to_owned(),
        partitions,
        configs: configs
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
    }
}
