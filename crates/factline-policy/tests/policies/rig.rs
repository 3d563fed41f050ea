//! Test rig with separate topics on the shared servers. It runs handlers and policies on them and
//! reads their records.

use std::collections::{HashMap, HashSet};

use clap::Parser as _;
use factline::{Aggregate, Contract, Envelope, Messages, Policy};
use factline_handler::Options;
use factline_kafka::KafkaConfig;
use factline_kafka::records::record::Record;
use factline_kafka::topics::partition_of;
use factline_testkit::commands::envelope;
use factline_testkit::{CommandTopic, Fixture, Reports};
pub(crate) use factline_testkit::{PATIENCE, eventually};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::gate::{
    COUNTER, Count, Counter, CounterCommand, CounterEvent, GATE, Gate, GateCommand, GateEvent, Pass,
};

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    handler: Options,
}

pub(crate) struct Rig {
    /// Connection of the handlers and policies.
    pub(crate) kafka: KafkaConfig,
    pub(crate) fixture: Fixture,
    commands: HashMap<&'static str, CommandTopic>,
    options: Options,
    reports: Reports,
}

/// Handler or policy that runs in this process.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

impl Rig {
    pub(crate) async fn new(name: &str) -> Self {
        let fixture = Fixture::new(name).await;
        let mut commands = HashMap::new();
        for contract in [&GATE, &COUNTER] {
            fixture.provision(contract).await;
            let topic = CommandTopic::register(&fixture.kafka, contract).await;
            commands.insert(contract.aggregate, topic);
        }
        Self {
            kafka: fixture.kafka.clone(),
            fixture,
            commands,
            options: Options {
                session_timeout_ms: 6000,
                ..Flags::parse_from(["test"]).handler
            },
            reports: Reports::default(),
        }
    }

    /// Starts handlers of both aggregates and waits until they are ready.
    pub(crate) async fn handlers(&self) -> [Running; 2] {
        let running = [self.handler::<Gate>(), self.handler::<Counter>()];
        self.until_ready("handler of tally.gate").await;
        self.until_ready("handler of tally.counter").await;
        running
    }

    fn handler<A: Aggregate>(&self) -> Running {
        let stop = CancellationToken::new();
        let run = factline_handler::run::<A>(
            self.slot("h"),
            self.options.clone(),
            self.reports.report(),
            stop.clone(),
        );
        let task = tokio::spawn(async move { run.await.unwrap() });
        Running { stop, task }
    }

    /// Provisions a policy and starts it with an instance id. Does not wait until it is ready.
    pub(crate) async fn policy<P: Policy>(&self, slot: &str) -> Running {
        factline_policy::provision::<P>(&self.kafka).await.unwrap();
        self.launch::<P>(slot)
    }

    pub(crate) fn launch<P: Policy>(&self, slot: &str) -> Running {
        let stop = CancellationToken::new();
        let run = factline_policy::run::<P>(self.slot(slot), self.reports.report(), stop.clone());
        let task = tokio::spawn(async move { run.await.unwrap() });
        Running { stop, task }
    }

    fn slot(&self, slot: &str) -> KafkaConfig {
        KafkaConfig {
            instance: slot.to_owned(),
            ..self.kafka.clone()
        }
    }

    pub(crate) async fn until_ready(&self, component: &str) {
        self.reports.until_ready(component).await;
    }

    pub(crate) async fn until_halted(&self, component: &str, place: &str) {
        self.reports.until_halted(component, place).await;
    }

    pub(crate) async fn until_it_reports(&self, component: &str, text: &str) {
        self.reports.until_it_reports(component, text).await;
    }

    /// Sends a `Pass` command that no process sent.
    pub(crate) async fn pass(&self, gate: &str, counter: &str, amount: i64) -> Envelope {
        let counter = counter.to_owned();
        let command = GateCommand::Pass(Pass { counter, amount });
        self.send(&GATE, gate, &command).await
    }

    pub(crate) async fn send<C: Messages>(
        &self,
        contract: &Contract,
        id: &str,
        command: &C,
    ) -> Envelope {
        let envelope = envelope(Uuid::now_v7(), command, id);
        let topic = &self.commands[contract.aggregate];
        topic.send(&self.fixture.producer, &envelope, command).await;
        envelope
    }

    /// Appends a record with any content.
    pub(crate) async fn append(
        &self,
        topic: &str,
        partition: i32,
        key: &str,
        headers: &[(&str, String)],
        value: &[u8],
    ) {
        let fixture = &self.fixture;
        fixture.append(topic, partition, key, headers, value).await;
    }

    /// Reads every committed record of a topic, in the order of each partition.
    pub(crate) async fn read(&self, topic: &str) -> Vec<Record> {
        self.fixture.read(topic).await
    }

    /// Returns the envelopes of the commands that policies have sent to counters.
    pub(crate) async fn sent(&self) -> Vec<Envelope> {
        let records = self.read(self.kafka.topics(&COUNTER).commands()).await;
        let envelopes = records.iter().map(|record| record.envelope().unwrap());
        envelopes
            .filter(|envelope| envelope.source.starts_with("/policies/"))
            .collect()
    }

    /// Returns the events of all counters.
    pub(crate) async fn counted(&self) -> Vec<(Envelope, CounterEvent)> {
        self.events(&COUNTER).await
    }

    pub(crate) async fn events<E: Messages>(&self, contract: &Contract) -> Vec<(Envelope, E)> {
        let topics = self.kafka.topics(contract);
        let events = self.fixture.messages(topics.events()).await.into_iter();
        events
            .map(|(_, envelope, event)| (envelope, event))
            .collect()
    }

    pub(crate) async fn until_counted(&self, count: usize) -> Vec<(Envelope, CounterEvent)> {
        let mut counted = Vec::new();
        eventually(&format!("{count} passes are counted"), async || {
            counted = self.counted().await;
            counted.len() >= count
        })
        .await;
        counted
    }

    /// Waits until the gates have at least `count` events.
    pub(crate) async fn until_passed(&self, count: usize) {
        eventually(&format!("{count} passes are recorded"), async || {
            self.events::<GateEvent>(&GATE).await.len() >= count
        })
        .await;
    }

    /// Returns the committed offset of a group in a partition, and the end of the partition.
    pub(crate) async fn place(&self, group: &str, topic: &str, partition: i32) -> (i64, i64) {
        let group = format!("{}{group}", self.kafka.topic_prefix);
        let (kafka, topic) = (self.kafka.clone(), topic.to_owned());
        let ask = move || {
            let consumer: BaseConsumer = kafka
                .client_config()
                .set("group.id", group)
                .set("isolation.level", "read_committed")
                .create()?;
            let mut asked = TopicPartitionList::new();
            asked.add_partition(&topic, partition);
            let committed = consumer.committed_offsets(asked, PATIENCE)?;
            let (_, end) = consumer.fetch_watermarks(&topic, partition, PATIENCE)?;
            let at = committed.elements()[0].offset().to_raw().unwrap_or(-1);
            Ok::<_, KafkaError>((at, end))
        };
        tokio::task::spawn_blocking(ask).await.unwrap().unwrap()
    }

    /// Waits until a policy over gates has handled every fact.
    pub(crate) async fn until_reacted(&self, group: &str) {
        let topic = self.kafka.topics(&GATE).events().to_owned();
        for partition in 0..GATE.partitions {
            eventually("the policy has caught up", async || {
                let (at, end) = self.place(group, &topic, partition).await;
                at == end
            })
            .await;
        }
    }

    /// Waits until the counters' handler has handled every command in its topic.
    pub(crate) async fn until_handled(&self) {
        let mut open: HashSet<Uuid> = HashSet::new();
        for partition in 0..COUNTER.partitions {
            let on = |id: &String| partition_of(id.as_bytes(), COUNTER.partitions) == partition;
            let id = (0..1000).map(|n| format!("last-{n}")).find(on).unwrap();
            // The command is rejected, so it adds no event.
            let counter = id.clone();
            let count = CounterCommand::Count(Count {
                counter,
                amount: -1,
            });
            open.insert(self.send(&COUNTER, &id, &count).await.operation);
        }
        let outcomes = self.kafka.topics(&COUNTER).outcomes().to_owned();
        eventually("every command is handled", async || {
            for record in self.read(&outcomes).await {
                open.remove(&record.operation());
            }
            open.is_empty()
        })
        .await;
    }
}
