//! Probes beside the store: they see records when any consumer can read them, and rows when any
//! reader can.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use factline_kafka::{KafkaConfig, Record};
use harness::System;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::client::Sent;

/// The hops in order, with their descriptions.
pub(super) const HOPS: [(&str, &str); 8] = [
    ("accepted", "POST to 202"),
    ("appended", "POST to command readable in Kafka"),
    ("decided", "from there to outcome committed and readable"),
    ("row", "from there to status row committed"),
    ("seen", "from there to seen by a client that polls"),
    ("view", "from outcome to row of the view committed"),
    ("completed", "POST to completed, all in all"),
    ("visible", "POST to visible in the view, all in all"),
];

/// Times at which operations were seen, and at which views advanced.
#[derive(Debug, Default)]
struct Seen {
    commands: HashMap<Uuid, Instant>,
    outcomes: HashMap<Uuid, Instant>,
    /// Commits of followers, by name.
    commits: HashMap<String, Vec<Instant>>,
}

pub(super) struct Probes(Arc<Mutex<Seen>>);

impl Probes {
    pub(super) async fn start(system: &System) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let kafka = system.kafka();
        let topics = kafka.topics(&ordering_schemas::ORDER);
        for (topic, of) in [
            (
                topics.commands(),
                (|seen| &mut seen.commands) as fn(&mut Seen) -> &mut HashMap<_, _>,
            ),
            (topics.outcomes(), |seen| &mut seen.outcomes),
        ] {
            let consumer = from_the_end(&kafka, topic)?;
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || {
                loop {
                    if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                        let now = Instant::now();
                        let operation = Record::from(&message).operation();
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        of(&mut seen).entry(operation).or_insert(now);
                    }
                }
            });
        }
        let mut listener = PgListener::connect(&system.database_url("factline_reader")).await?;
        listener
            .listen(factline_postgres::checkpoint::CHANNEL)
            .await?;
        let heard = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok(notice) = listener.recv().await {
                let now = Instant::now();
                let mut seen = heard.lock().unwrap_or_else(PoisonError::into_inner);
                let commits = seen.commits.entry(notice.payload().to_owned());
                commits.or_default().push(now);
            }
        });
        Ok(Self(seen))
    }

    /// Returns the duration of each hop of a command. Notifications do not name the rows of a
    /// commit, so a row counts as written by the first commit after its outcome. If the status came
    /// with an earlier commit, the hop extends to the next one.
    pub(super) fn hops(&self, sent: &Sent) -> Vec<(&'static str, Duration)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let operation = sent.operation.unwrap_or_default();
        let command = seen.commands.get(&operation).copied();
        let outcome = seen.outcomes.get(&operation).copied();
        let commit = |follower: &str| {
            let commits = seen.commits.get(follower)?;
            let after = commits.partition_point(|commit| Some(*commit) < outcome);
            commits.get(after).copied()
        };
        // The client may see the row before the probe receives the notification.
        let row =
            commit("operations-tracker").map(|row| Some(row).min(sent.completed).unwrap_or(row));
        let begun = Some(sent.begun);
        let between = [
            ("accepted", begun, sent.accepted),
            ("appended", begun, command),
            ("decided", command, outcome),
            ("row", outcome, row),
            ("seen", row, sent.completed),
            ("view", outcome, commit("orders")),
            ("completed", begun, sent.completed),
            ("visible", begun, sent.visible),
        ];
        let hops = between
            .into_iter()
            .filter_map(|(hop, from, to)| Some((hop, to?.saturating_duration_since(from?))));
        hops.collect()
    }
}

/// Creates a `read_committed` consumer that starts at the end of the topic.
pub(super) fn from_the_end(kafka: &KafkaConfig, topic: &str) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", "probe")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .create()?;
    let timeout = Duration::from_secs(10);
    let metadata = consumer.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().first().context("no such topic")?;
    let mut from = TopicPartitionList::new();
    for partition in found.partitions() {
        let (_, end) = consumer.fetch_watermarks(topic, partition.id(), timeout)?;
        from.add_partition_offset(topic, partition.id(), Offset::Offset(end))?;
    }
    consumer.assign(&from)?;
    Ok(consumer)
}
