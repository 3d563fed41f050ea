//! The part of the status that Kafka knows: groups, aggregates and dead letters.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use chrono::Utc;
use factline::{Contract, Timestamp};
use factline_kafka::tools::backlog::{Backlog, Backlogs};
use factline_kafka::tools::groups::{self, Group};
use factline_kafka::topics::TopicPartition;
use factline_kafka::topics::watermarks::Bounds;
use factline_kafka::{KafkaConfig, Topics};
use serde::Serialize;

use super::Part;
use crate::aggregates::Aggregates;
use crate::dead_letters::count_letters;

/// The groups and the aggregates.
#[derive(Debug, Serialize)]
pub(super) struct Cluster {
    pub(super) groups: Part<Vec<GroupStatus>>,
    pub(super) aggregates: Vec<AggregateStatus>,
}

/// A consumer group.
#[derive(Debug, Serialize)]
pub(super) struct GroupStatus {
    pub(super) group: String,
    pub(super) state: String,
    pub(super) members: Vec<Process>,
    /// None for a group that has no committed offsets: views keep theirs in the database.
    #[serde(flatten)]
    pub(super) lag: Option<Lag>,
}

/// A process, as a group knows it.
#[derive(Debug, Serialize)]
pub(super) struct Process {
    pub(super) instance: Option<String>,
    pub(super) client: String,
    pub(super) host: String,
    pub(super) partitions: usize,
}

/// An aggregate type.
#[derive(Debug, Serialize)]
pub(super) struct AggregateStatus {
    pub(super) aggregate: &'static str,
    /// The topic of its commands.
    #[serde(skip)]
    pub(super) commands: String,
    pub(super) partitions: Vec<PartitionStatus>,
    /// Lag of the handlers.
    #[serde(flatten)]
    pub(super) lag: Option<Lag>,
    /// Number of partitions that handlers have halted.
    pub(super) halted: Option<u64>,
    pub(super) dead_letters: Option<DeadLetters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unavailable: Option<String>,
}

/// A partition of an aggregate. Counts are offsets, see the operations manual.
#[derive(Debug, Serialize)]
pub(super) struct PartitionStatus {
    pub(super) partition: i32,
    pub(super) events: i64,
    pub(super) commands: i64,
    #[serde(flatten)]
    pub(super) lag: Option<Lag>,
}

/// Numbers of dead letters.
#[derive(Debug, Serialize)]
pub(super) struct DeadLetters {
    pub(super) open: usize,
    pub(super) all: usize,
}

/// Lag of a reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Lag {
    #[serde(rename = "lag_records")]
    pub(super) records: i64,
    /// Age of the oldest record that was not read, in seconds.
    #[serde(rename = "lag_seconds")]
    pub(super) seconds: f64,
}

impl Lag {
    fn of(backlog: Backlog, now: Timestamp) -> Self {
        let age = backlog.oldest.map(|oldest| (now - oldest).as_seconds_f64());
        Self {
            records: backlog.offsets,
            seconds: age.unwrap_or_default().max(0.0),
        }
    }

    /// Returns the lag over several partitions; none if it is unknown in all of them.
    pub(super) fn total(lags: impl IntoIterator<Item = Lag>) -> Option<Self> {
        lags.into_iter().reduce(|one, other| Lag {
            records: one.records + other.records,
            seconds: one.seconds.max(other.seconds),
        })
    }
}

/// Lag in each partition.
type Lags = BTreeMap<TopicPartition, Lag>;

/// Returns the lags of a reader that has reached these offsets.
pub(super) fn lags(
    backlogs: &Backlogs,
    reached: &BTreeMap<TopicPartition, i64>,
    bounds: &Bounds,
) -> Result<Lags> {
    let now = Utc::now();
    let read = backlogs.backlog(reached, bounds)?;
    let lags = read.into_iter();
    Ok(lags
        .map(|(key, backlog)| (key, Lag::of(backlog, now)))
        .collect())
}

impl Cluster {
    /// Returns the names of the parts that could not be read.
    pub(super) fn missing(&self) -> Vec<String> {
        let missing = self.aggregates.iter();
        let missing = missing.filter(|aggregate| aggregate.unavailable.is_some());
        let groups = self.groups.known().is_none().then_some("groups");
        let names = missing.map(|aggregate| aggregate.aggregate);
        groups
            .into_iter()
            .chain(names)
            .map(ToOwned::to_owned)
            .collect()
    }
}

/// Reads everything that Kafka knows.
pub(super) async fn cluster(kafka: &KafkaConfig, aggregates: &Aggregates) -> Result<Cluster> {
    let (kafka, aggregates) = (kafka.clone(), aggregates.chosen(None)?);
    let contracts: Vec<&Contract> = aggregates.iter().map(|hosted| hosted.contract).collect();
    tokio::task::spawn_blocking(move || read(&kafka, &contracts)).await?
}

fn read(kafka: &KafkaConfig, contracts: &[&'static Contract]) -> Result<Cluster> {
    let backlogs = Backlogs::new(kafka)?;
    let read = contracts.iter().map(|contract| {
        let topics = kafka.topics(contract);
        let log = log(kafka, &topics, &backlogs);
        (*contract, topics, log)
    });
    let read: Vec<(&Contract, Topics, Result<Log>)> = read.collect();
    let known = read.iter().filter_map(|(_, _, log)| log.as_ref().ok());
    let bounds: Bounds = known.flat_map(|log| log.bounds.clone()).collect();
    let (groups, lags) = match groups(kafka, contracts, &backlogs, &bounds) {
        Ok((groups, lags)) => (Part::Known(groups), lags),
        Err(error) => (Part::of(Err(error)), BTreeMap::new()),
    };
    let aggregates = read.into_iter().map(|(contract, topics, log)| match log {
        Ok(log) => aggregate(contract, &topics, log, lags.get(topics.handler_group())),
        Err(error) => missing(contract, &topics, &error),
    });
    Ok(Cluster {
        aggregates: aggregates.collect(),
        groups,
    })
}

/// The topics of an aggregate.
struct Log {
    bounds: Bounds,
    letters: DeadLetters,
}

fn log(kafka: &KafkaConfig, topics: &Topics, backlogs: &Backlogs) -> Result<Log> {
    let mut bounds = Bounds::new();
    for topic in [topics.commands(), topics.events(), topics.outcomes()] {
        let found = backlogs.bounds(topic)?;
        bounds.extend(found.with_context(|| format!("topic {topic} does not exist"))?);
    }
    let (open, all) = count_letters(kafka, topics)?;
    let letters = DeadLetters { open, all };
    Ok(Log { bounds, letters })
}

/// Returns the groups, and the lag of each in each partition.
fn groups(
    kafka: &KafkaConfig,
    contracts: &[&'static Contract],
    backlogs: &Backlogs,
    bounds: &Bounds,
) -> Result<(Vec<GroupStatus>, BTreeMap<String, Lags>)> {
    let mut known = groups::groups(kafka)?;
    // A handler that has never run has no group.
    for contract in contracts {
        let name = kafka.topics(contract).handler_group().to_owned();
        if !known.iter().any(|group| group.name == name) {
            known.push(Group {
                name,
                state: "Missing".to_owned(),
                members: Vec::new(),
            });
        }
    }
    let keys: Vec<TopicPartition> = bounds.keys().cloned().collect();
    let reached = committed(kafka, &known, &keys);
    let mut groups = Vec::new();
    let mut all = BTreeMap::new();
    for (group, reached) in known.into_iter().zip(reached) {
        let lags = lags(backlogs, &reached?, bounds)?;
        groups.push(GroupStatus {
            lag: Lag::total(lags.values().copied()),
            state: group.state,
            members: group.members.into_iter().map(Process::from).collect(),
            group: group.name.clone(),
        });
        all.insert(group.name, lags);
    }
    Ok((groups, all))
}

/// Returns the committed offsets of each group. A client asks for one group only, and takes most of
/// its time to find the coordinator, so the clients work side by side.
fn committed(
    kafka: &KafkaConfig,
    groups: &[Group],
    keys: &[TopicPartition],
) -> Vec<Result<BTreeMap<TopicPartition, i64>>> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = groups
            .iter()
            .map(|group| scope.spawn(|| groups::committed(kafka, &group.name, keys)))
            .collect();
        let answers = asked.into_iter().map(|asked| match asked.join() {
            Ok(answer) => Ok(answer?),
            Err(_) => bail!("the thread that reads committed offsets has panicked"),
        });
        answers.collect()
    })
}

fn aggregate(
    contract: &'static Contract,
    topics: &Topics,
    log: Log,
    lags: Option<&Lags>,
) -> AggregateStatus {
    let count = |topic: &str, partition: i32| {
        let found = log.bounds.get(&(topic.to_owned(), partition));
        found.map_or(0, |(begin, end)| end - begin)
    };
    let partitions: Vec<PartitionStatus> = (0..contract.partitions)
        .map(|partition| {
            let key = (topics.commands().to_owned(), partition);
            PartitionStatus {
                partition,
                events: count(topics.events(), partition),
                commands: count(topics.commands(), partition),
                lag: lags.and_then(|lags| lags.get(&key)).copied(),
            }
        })
        .collect();
    AggregateStatus {
        aggregate: contract.aggregate,
        commands: topics.commands().to_owned(),
        lag: Lag::total(partitions.iter().filter_map(|partition| partition.lag)),
        partitions,
        halted: None,
        dead_letters: Some(log.letters),
        unavailable: None,
    }
}

fn missing(contract: &'static Contract, topics: &Topics, error: &anyhow::Error) -> AggregateStatus {
    AggregateStatus {
        aggregate: contract.aggregate,
        commands: topics.commands().to_owned(),
        partitions: Vec::new(),
        lag: None,
        halted: None,
        dead_letters: None,
        unavailable: Some(format!("{error:#}")),
    }
}

impl From<groups::Member> for Process {
    fn from(member: groups::Member) -> Self {
        Self {
            instance: member.instance,
            client: member.client,
            host: member.host,
            partitions: member.partitions.len(),
        }
    }
}
