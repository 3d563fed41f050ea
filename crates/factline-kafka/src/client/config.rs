//! Connection to Kafka and the schema registry.

use std::fmt;

use factline::Contract;
use rdkafka::ClientConfig;

use crate::client::security::{KafkaSecurity, check_property};
use crate::topics::Topics;

const BROKERS: &str = "127.0.0.1:19092";
const REGISTRY: &str = "http://127.0.0.1:18081/apis/ccompat/v7";

/// Options of every process that talks to Kafka.
#[derive(Clone, clap::Args)]
pub struct KafkaConfig {
    /// Kafka bootstrap servers, host:port, joined by commas
    #[arg(
        long = "kafka-brokers",
        env = "FACTLINE_KAFKA_BROKERS",
        default_value = BROKERS
    )]
    pub brokers: String,

    /// Schema registry with Confluent's API
    #[arg(
        long,
        env = "FACTLINE_REGISTRY_URL",
        default_value = REGISTRY
    )]
    pub registry_url: String,

    /// Schema ids that the registry has lost for ever, joined by commas: their records count as
    /// unreadable. Without it, the partition of such a record waits until the registry has the
    /// schema
    #[arg(long, env = "FACTLINE_LOST_SCHEMAS", value_delimiter = ',')]
    pub lost_schemas: Vec<i32>,

    /// Prefix of the name of every topic and group, so that several installations can share a
    /// cluster
    #[arg(long, env = "FACTLINE_TOPIC_PREFIX", default_value = "")]
    pub topic_prefix: String,

    /// Number of partitions of an aggregate type in this installation, such as ordering.order=64,
    /// if it is not that of the contract; joined by commas. All processes of an installation need
    /// the same value, and it must not change: `factline copy` writes the log into topics with
    /// another number
    #[arg(
        long,
        env = "FACTLINE_TOPIC_PARTITIONS",
        value_delimiter = ',',
        value_parser = partition_count
    )]
    pub topic_partitions: Vec<(String, i32)>,

    /// Instance id of this process (group.instance.id), unique among the processes of its kind. A
    /// process that restarts with the same id gets its partitions back at once. Without it, each
    /// restart joins the group as a new member, and the group waits until the session of the old
    /// one has timed out
    #[arg(long, env = "FACTLINE_INSTANCE", default_value = "")]
    pub instance: String,

    /// Login and encryption.
    #[command(flatten)]
    pub security: KafkaSecurity,

    /// Further librdkafka properties, such as `socket.keepalive.enable=true`; joined by commas
    #[arg(
        long = "kafka-properties",
        env = "FACTLINE_KAFKA_PROPERTIES",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = property
    )]
    pub properties: Vec<(String, String)>,
}

impl Default for KafkaConfig {
    /// Returns the configuration of a process without options.
    fn default() -> Self {
        Self {
            brokers: BROKERS.to_owned(),
            registry_url: REGISTRY.to_owned(),
            lost_schemas: Vec::new(),
            topic_prefix: String::new(),
            topic_partitions: Vec::new(),
            instance: String::new(),
            security: KafkaSecurity::default(),
            properties: Vec::new(),
        }
    }
}

impl fmt::Debug for KafkaConfig {
    /// Formats the configuration without the registry's URL and the values of properties, which may
    /// contain passwords.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: Vec<&String> = self.properties.iter().map(|(key, _)| key).collect();
        formatter
            .debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("topic_prefix", &self.topic_prefix)
            .field("topic_partitions", &self.topic_partitions)
            .field("instance", &self.instance)
            .field("security", &self.security)
            .field("properties", &properties)
            .finish_non_exhaustive()
    }
}

impl KafkaConfig {
    /// Returns the configuration that every client of this process starts from.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        // Retry an unavailable broker within a second: the default waits up to ten seconds.
        config.set("reconnect.backoff.max.ms", "1000");
        // A broker that is starting may return wrong metadata of topics. The default keeps it for
        // five minutes.
        config.set("topic.metadata.refresh.interval.ms", "10000");
        self.security.apply(&mut config);
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }

    /// Returns the topics of a contract's aggregate, with this process's prefix.
    pub fn topics(&self, contract: &Contract) -> Topics {
        Topics::new(&self.topic_prefix, contract.aggregate)
    }

    /// Returns a contract with the number of partitions that this installation has.
    #[must_use]
    pub fn contract(&self, contract: &Contract) -> Contract {
        let mut numbers = self.topic_partitions.iter();
        let own = numbers.rfind(|(aggregate, _)| aggregate == contract.aggregate);
        Contract {
            partitions: own.map_or(contract.partitions, |(_, partitions)| *partitions),
            ..*contract
        }
    }
}

/// Reads the number of partitions of an aggregate type, such as `ordering.order=64`.
///
/// # Errors
/// If the text has another form, or the number is not at least 1.
pub fn partition_count(text: &str) -> Result<(String, i32), String> {
    let found = text.split_once('=').and_then(|(aggregate, number)| {
        let number: i32 = number.parse().ok()?;
        (!aggregate.is_empty() && number > 0).then(|| (aggregate.to_owned(), number))
    });
    found.ok_or_else(|| "is not TYPE=NUMBER, such as ordering.order=64".to_owned())
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            check_property(key, value).map_err(|error| error.to_string())?;
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("is not key=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Contract = Contract {
        aggregate: "shop.order",
        partitions: 8,
        commands: &[],
        events: &[],
        routes: "",
    };

    #[test]
    fn installation_has_its_own_number_of_partitions() {
        let mut kafka = KafkaConfig::default();
        assert_eq!(kafka.contract(&ORDER).partitions, 8);
        kafka.topic_partitions = vec![partition_count("shop.order=64").unwrap()];
        assert_eq!(kafka.contract(&ORDER).partitions, 64);
        for wrong in ["shop.order", "=8", "shop.order=0", "shop.order=many"] {
            assert!(partition_count(wrong).is_err(), "{wrong}");
        }
    }
}
