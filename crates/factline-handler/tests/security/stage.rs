//! Test stage: the broker, its users and their permissions.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Parser as _;
use factline_dev_servers::{Rule, Servers};
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Record, Topics, topics::provision};
pub(crate) use factline_testkit::PATIENCE;
use factline_testkit::fixture::try_append;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::FutureProducer;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::OnceCell;

use crate::account::ACCOUNT;

pub(crate) const PREFIX: &str = "secured.";

const USERS: [&str; 6] = [
    "command-api",
    "command-handlers",
    "projectors",
    "operations-tracker",
    "provision",
    "factline",
];

pub(crate) struct Stage {
    servers: Servers,
    pub(crate) topics: Topics,
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    kafka: KafkaConfig,
}

/// Returns the only stage of this test process. The users have their permissions, and the topics
/// were created by the provisioning job as its user.
pub(crate) async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    STAGE
        .get_or_init(|| async {
            let servers = tokio::task::spawn_blocking(|| {
                let passwords = USERS.map(|user| (user, password(user)));
                let users = passwords
                    .each_ref()
                    .map(|(user, password)| (*user, password.as_str()));
                let servers = Servers::with_users(&users).unwrap();
                servers.kafka.allow(&rules()).unwrap();
                servers
            });
            let stage = Stage {
                servers: servers.await.unwrap(),
                topics: Topics::new(PREFIX, ACCOUNT.aggregate),
            };
            provision::provision(&stage.user("provision"), &ACCOUNT, None)
                .await
                .unwrap();
            stage
        })
        .await
}

fn password(user: &str) -> String {
    format!("password of {user}")
}

/// Returns the rules that `deploy/kafka/acls.sh` would pass to Kafka's tool.
fn rules() -> Vec<Rule> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kafka/acls.sh");
    let output = Command::new(script)
        .args([PREFIX, ACCOUNT.aggregate])
        .env("KAFKA_ACLS", "echo")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().flat_map(rules_of).collect()
}

/// Parses the rules of one line: `--add --allow-principal User:U --<resource> N
/// --resource-pattern-type P --operation A --operation B`. The cluster has no name there.
fn rules_of(line: &str) -> Vec<Rule> {
    let line = line.replace("--cluster", "--cluster kafka-cluster");
    let words: Vec<&str> = line.split_whitespace().collect();
    let [
        "--add",
        "--allow-principal",
        user,
        resource,
        name,
        "--resource-pattern-type",
        pattern,
        ref operations @ ..,
    ] = words[..]
    else {
        panic!("unexpected line of the script: {line}")
    };
    let operations = operations.chunks(2).map(|operation| {
        assert_eq!(operation[0], "--operation");
        Rule {
            user: user.strip_prefix("User:").unwrap().to_owned(),
            resource: resource.strip_prefix("--").unwrap().to_owned(),
            name: name.to_owned(),
            pattern: pattern.to_owned(),
            operation: operation[1].to_owned(),
        }
    });
    operations.collect()
}

impl Stage {
    /// Returns the options of a process that logs in as this user.
    pub(crate) fn user(&self, user: &str) -> KafkaConfig {
        self.login(user, &password(user))
    }

    pub(crate) fn login(&self, user: &str, password: &str) -> KafkaConfig {
        let brokers = self.servers.kafka.brokers();
        let url = self.servers.registry.url();
        let flags = [
            ["--kafka-brokers", &brokers],
            ["--registry-url", &url],
            ["--topic-prefix", PREFIX],
            ["--instance", "a"],
            ["--kafka-security-protocol", "sasl_plaintext"],
            ["--kafka-sasl-username", user],
            ["--kafka-sasl-password", password],
        ];
        Flags::parse_from(["test"].into_iter().chain(flags.concat())).kafka
    }
}

/// Appends one record with an idempotent or a plain producer.
pub(crate) async fn append(
    config: &KafkaConfig,
    idempotent: bool,
    topic: &str,
    headers: &[(&str, String)],
    value: &[u8],
) -> Result<(), KafkaError> {
    let producer: FutureProducer = config
        .client_config()
        .set("enable.idempotence", idempotent.to_string())
        .set("message.timeout.ms", "20000")
        .create()?;
    let partition = partition_of(b"ada", ACCOUNT.partitions);
    try_append(&producer, topic, partition, "ada", headers, value).await
}

/// Reads a topic as a group member until there are at least `count` records.
pub(crate) fn follow(config: &KafkaConfig, group: &str, topic: &str, count: usize) -> Vec<Record> {
    let consumer = consumer(config, group);
    consumer.subscribe(&[topic]).unwrap();
    let (start, mut records) = (Instant::now(), Vec::new());
    while records.len() < count {
        assert!(start.elapsed() < PATIENCE, "{topic} holds {records:?}");
        if let Some(polled) = consumer.poll(Duration::from_millis(200)) {
            records.push(Record::from(&polled.unwrap()));
        }
    }
    records
}

/// Reads the metadata of a topic, and its records without a group if that is allowed. Returns
/// Kafka's refusal, and panics if a record arrives.
pub(crate) fn refusal_to_read(config: &KafkaConfig, topic: &str) -> RDKafkaErrorCode {
    let consumer = consumer(config, "any");
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    if let Some(hidden) = metadata.topics()[0].error() {
        return hidden.into();
    }
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&from).unwrap();
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "reading {topic} is not refused");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => panic!("{topic} was read: {message:?}"),
            // No user may use that group. Only the error of the topic matters.
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::GroupAuthorizationFailed) | None => {}
                Some(code) => return code,
            },
            None => {}
        }
    }
}

fn consumer(config: &KafkaConfig, group: &str) -> BaseConsumer {
    config
        .client_config()
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}
