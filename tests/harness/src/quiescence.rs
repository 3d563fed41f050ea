//! Quiescence: nothing is in progress any more, so a run can be judged once.
//!
//! A system is at rest when every command has a terminal outcome, the provider has no open order,
//! and no consumer group has an unread record. Its followers, which are the views and the tracker,
//! may still lag behind the log: they have their own checkpoints in the database.
//!
//! A reader is behind if a consumer of committed records finds a record at its place or later.
//! Offsets alone do not show that, because the markers of transactions have offsets too.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use factline_kafka::KafkaConfig;
use factline_kafka::topics::TopicPartition;
use factline_kafka::topics::watermarks::bounds;
use factline_postgres::view::CHECKPOINTS;
use factline_postgres::{FollowerId, checkpoint};
use factline_tracker::store;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use crate::log::Log;
use crate::system::System;

/// Timeout of requests to the broker.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of readers that an error names.
const NAMED: usize = 20;

/// End offsets of all topics, for a consumer of committed records.
type Ends = BTreeMap<TopicPartition, i64>;

/// A reader and the offset of the next record that it wants to read.
#[derive(Debug, Clone)]
struct Place {
    reader: String,
    key: TopicPartition,
    next: i64,
}

/// A reader with unread records in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// The consumer group, or the follower with its version.
    pub reader: String,
    /// The partition.
    pub key: TopicPartition,
    /// Offset of the next record that the reader wants to read.
    pub next: i64,
    /// Offset after the last committed record.
    pub end: i64,
}

impl fmt::Display for Behind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reader,
            key: (topic, partition),
            next,
            end,
        } = self;
        write!(
            formatter,
            "{reader}: {topic}/{partition} at {next} of {end}"
        )
    }
}

/// Waits until the system is at rest and every follower has caught up.
///
/// # Errors
/// If that takes longer than `patience`. The error names what is behind.
pub async fn until_quiescent(system: &System, patience: Duration) -> Result<()> {
    let begun = Instant::now();
    until_at_rest(system, patience).await?;
    until_followed(system, patience.saturating_sub(begun.elapsed())).await
}

/// Waits until the system is at rest.
///
/// # Errors
/// If that takes longer than `patience`. The error names what is in progress.
pub async fn until_at_rest(system: &System, patience: Duration) -> Result<()> {
    let begun = Instant::now();
    let mut seen = None;
    loop {
        match at_rest(system).await {
            // Two equal results: records that were in flight at the first have arrived by the
            // second.
            Ok(ends) if seen.as_ref() == Some(&ends) => return Ok(()),
            Ok(ends) => seen = Some(ends),
            Err(error) if begun.elapsed() > patience => {
                return Err(error.context(format!("the system is not at rest after {patience:?}")));
            }
            Err(_) => seen = None,
        }
        ensure!(
            begun.elapsed() < patience + TIMEOUT,
            "the system is not at rest after {patience:?}: records are appended all the time"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Waits until every follower has read its topics to their ends.
///
/// # Errors
/// If that takes longer than `patience`. The error names the followers and their partitions.
pub async fn until_followed(system: &System, patience: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        let error = match followers_behind(system).await {
            Ok(behind) if behind.is_empty() => return Ok(()),
            Ok(behind) => anyhow::anyhow!("{}", listed(&behind)),
            Err(error) => error,
        };
        if begun.elapsed() > patience {
            return Err(error.context(format!("followers are behind after {patience:?}")));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Returns every group and follower with unread records.
pub async fn behind(system: &System) -> Result<Vec<Behind>> {
    let mut behind = groups_behind(system).await?;
    behind.extend(followers_behind(system).await?);
    Ok(behind)
}

/// Returns the end offsets. Fails while anything is in progress.
async fn at_rest(system: &System) -> Result<Ends> {
    let url = format!("{}/totals", system.address("payment-simulator"));
    let totals: Value = reqwest::get(&url).await?.json().await?;
    ensure!(
        totals["open"] == 0,
        "the provider has open orders: {totals}"
    );
    let logs = contracts::ALL.iter().map(|contract| {
        let log = Log::of(system, contract);
        (contract, tokio::spawn(async move { log.open().await }))
    });
    for (contract, open) in logs.collect::<Vec<_>>() {
        let open = open.await??;
        if let Some(first) = open.first() {
            let (count, aggregate) = (open.len(), contract.aggregate);
            bail!("{count} operations of {aggregate} have not ended, among them {first}");
        }
    }
    let behind = groups_behind(system).await?;
    ensure!(behind.is_empty(), "groups are behind\n{}", listed(&behind));
    let kafka = system.kafka();
    let ends = move || {
        let bounds = bounds(&reader(&kafka, "harness")?, &partitions(&kafka), TIMEOUT)?;
        let ends = bounds.into_iter().map(|(key, (_, end))| (key, end));
        Ok(ends.collect())
    };
    tokio::task::spawn_blocking(ends).await?
}

/// Returns the groups with unread records: handlers, policies and the sender.
async fn groups_behind(system: &System) -> Result<Vec<Behind>> {
    let kafka = system.kafka();
    let look = move || {
        let groups = groups(&kafka)?;
        let places = side_by_side(groups, |group| committed(&kafka, &group))?;
        unread(&kafka, places.concat())
    };
    tokio::task::spawn_blocking(look).await?
}

/// Returns the names of the system's groups. Those of the handlers must exist.
fn groups(kafka: &KafkaConfig) -> Result<HashSet<String>> {
    let client: BaseConsumer = kafka.client_config().create()?;
    let listed = client.fetch_group_list(None, TIMEOUT);
    let listed = listed.context("cannot list the groups")?;
    let names = listed.groups().iter().map(|group| group.name().to_owned());
    let mut groups: HashSet<String> = names
        .filter(|name| name.starts_with(&kafka.topic_prefix))
        .collect();
    for contract in contracts::ALL {
        groups.insert(kafka.topics(contract).handler_group().to_owned());
    }
    Ok(groups)
}

/// Returns the committed offsets of a group. The groups of followers have none.
fn committed(kafka: &KafkaConfig, group: &str) -> Result<Vec<Place>> {
    let mut asked = TopicPartitionList::new();
    for (topic, partition) in partitions(kafka) {
        asked.add_partition(&topic, partition);
    }
    let committed = reader(kafka, group)?.committed_offsets(asked, TIMEOUT);
    let committed = committed.with_context(|| format!("cannot read the offsets of {group}"))?;
    let places = committed.elements().into_iter().filter_map(|place| {
        let Offset::Offset(next) = place.offset() else {
            return None;
        };
        Some(Place {
            reader: group.to_owned(),
            key: (place.topic().to_owned(), place.partition()),
            next,
        })
    });
    let places: Vec<Place> = places.collect();
    let mut handlers = contracts::ALL.iter().map(|contract| kafka.topics(contract));
    ensure!(
        !places.is_empty() || handlers.all(|topics| topics.handler_group() != group),
        "{group} has no committed offset"
    );
    Ok(places)
}

/// Returns the followers with unread records.
async fn followers_behind(system: &System) -> Result<Vec<Behind>> {
    let kafka = system.kafka();
    let both = contracts::ALL.iter().flat_map(|contract| {
        let topics = kafka.topics(contract);
        let partitions = kafka.contract(contract).partitions;
        [topics.commands(), topics.outcomes()].map(|topic| (topic.to_owned(), partitions))
    });
    let url = system.database_url("factline_tracker");
    let mut tracker = PgConnection::connect(&url).await?;
    let mut places = followed(&mut tracker, &store::follower_id(), both).await?;
    tracker.close().await?;

    let url = system.database_url("factline_projector");
    let mut projector = PgConnection::connect(&url).await?;
    for view in projectors::views::ALL {
        let owner = FollowerId {
            schema: CHECKPOINTS,
            view: view.name.to_owned(),
            version: view.version,
        };
        let topic = events_of(&kafka, view.name)?;
        places.extend(followed(&mut projector, &owner, [topic]).await?);
    }
    projector.close().await?;
    tokio::task::spawn_blocking(move || unread(&kafka, places)).await?
}

/// Returns the topic that a view follows, with its number of partitions.
fn events_of(kafka: &KafkaConfig, view: &str) -> Result<(String, i32)> {
    let mut kinds = checker::views::VIEWS.iter();
    let kind = kinds.find(|kind| kind.view.name == view);
    let kind = kind.with_context(|| format!("the checker does not know the view {view}"))?;
    let mut contracts = contracts::ALL.iter();
    let contract = contracts.find(|contract| contract.aggregate == kind.aggregate);
    let contract = contract.with_context(|| format!("no contract of {}", kind.aggregate))?;
    Ok((
        kafka.topics(contract).events().to_owned(),
        kafka.contract(contract).partitions,
    ))
}

/// Returns a follower's place in every partition of the topics. A partition without a checkpoint
/// was not read yet.
async fn followed(
    connection: &mut PgConnection,
    owner: &FollowerId,
    topics: impl IntoIterator<Item = (String, i32)>,
) -> Result<Vec<Place>> {
    let checkpoints = checkpoint::load(connection, owner).await?.into_iter();
    let known: HashMap<TopicPartition, i64> = checkpoints
        .map(|known| ((known.topic, known.partition), known.cursor.next_offset))
        .collect();
    let reader = format!("{} v{}", owner.view, owner.version);
    let keys = topics.into_iter().flat_map(|(topic, partitions)| {
        (0..partitions).map(move |partition| (topic.clone(), partition))
    });
    let places = keys.map(|key| Place {
        reader: reader.clone(),
        next: known.get(&key).copied().unwrap_or_default(),
        key,
    });
    Ok(places.collect())
}

/// Returns all partitions of commands, events and outcomes.
fn partitions(kafka: &KafkaConfig) -> Vec<TopicPartition> {
    let mut partitions = Vec::new();
    for contract in contracts::ALL {
        let topics = kafka.topics(contract);
        for topic in [topics.commands(), topics.events(), topics.outcomes()] {
            let all = 0..kafka.contract(contract).partitions;
            partitions.extend(all.map(|partition| (topic.to_owned(), partition)));
        }
    }
    partitions
}

/// Returns the places that are followed by a committed record.
fn unread(kafka: &KafkaConfig, places: Vec<Place>) -> Result<Vec<Behind>> {
    let keys: HashSet<TopicPartition> = places.iter().map(|place| place.key.clone()).collect();
    let keys: Vec<TopicPartition> = keys.into_iter().collect();
    let bounds = bounds(&reader(kafka, "harness")?, &keys, TIMEOUT);
    let bounds = bounds.context("cannot read the ends of the topics")?;
    let mut from: BTreeMap<String, BTreeMap<i32, i64>> = BTreeMap::new();
    for Place { key, next, .. } in &places {
        let (begin, end) = bounds.get(key).copied().unwrap_or_default();
        if *next < end {
            let (topic, next) = (key.0.clone(), (*next).max(begin));
            let first = from.entry(topic).or_default().entry(key.1).or_insert(next);
            *first = (*first).min(next);
        }
    }
    let found = side_by_side(from, |(topic, from)| {
        let found = ends_of_records(kafka, &topic, &from);
        let found = found.with_context(|| format!("cannot read {topic}"))?;
        let ends = found.into_iter();
        Ok(ends
            .map(|(number, end)| ((topic.clone(), number), end))
            .collect())
    })?;
    let ends: Ends = found.into_iter().flat_map(Ends::into_iter).collect();
    let behind = places
        .into_iter()
        .filter_map(|Place { reader, key, next }| {
            let end = ends.get(&key).copied().filter(|end| next < *end)?;
            Some(Behind {
                reader,
                key,
                next,
                end,
            })
        });
    Ok(behind.collect())
}

/// Reads partitions of a topic from an offset each, and returns the offset after the last committed
/// record. A partition without such a record is omitted.
fn ends_of_records(
    kafka: &KafkaConfig,
    topic: &str,
    from: &BTreeMap<i32, i64>,
) -> Result<BTreeMap<i32, i64>> {
    let consumer = reader(kafka, "harness")?;
    let mut assigned = TopicPartitionList::new();
    for (partition, next) in from {
        assigned.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
    }
    consumer.assign(&assigned)?;
    let mut open: HashSet<i32> = from.keys().copied().collect();
    let (mut ends, mut heard) = (BTreeMap::new(), Instant::now());
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                ends.insert(message.partition(), message.offset() + 1);
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) => return Err(error.into()),
            None => {
                ensure!(heard.elapsed() < TIMEOUT, "kafka does not answer");
                continue;
            }
        }
        heard = Instant::now();
    }
    Ok(ends)
}

/// Asks about each item on a thread of its own: each answer takes a connection, and a group or the
/// end of a topic some hundred milliseconds.
fn side_by_side<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    ask: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let ask = &ask;
    std::thread::scope(|scope| {
        let items = items.into_iter();
        let asked: Vec<_> = items.map(|item| scope.spawn(move || ask(item))).collect();
        let answers = asked.into_iter().map(|thread| {
            let answer = thread.join();
            answer.unwrap_or_else(|_| bail!("a question to the brokers panicked"))
        });
        answers.collect()
    })
}

/// Creates a consumer of committed records that joins no group.
fn reader(kafka: &KafkaConfig, group: &str) -> Result<BaseConsumer> {
    let reader = kafka
        .client_config()
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        // The end of a partition is usually the marker of a transaction, which is no record. The
        // broker holds the answer that says so back for this time.
        .set("fetch.wait.max.ms", "10")
        .create();
    reader.context("cannot create a consumer")
}

fn listed(behind: &[Behind]) -> String {
    let named = behind.iter().take(NAMED).map(ToString::to_string);
    let mut lines: Vec<String> = named.collect();
    if behind.len() > NAMED {
        lines.push(format!("and {} more", behind.len() - NAMED));
    }
    lines.join("\n")
}
