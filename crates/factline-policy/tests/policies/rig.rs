//! Topics of their own on the shared servers, handlers on them, policies between them, and what they wrote.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser as _;
use factline::{Aggregate, Contract, Envelope, Messages, Policy};
use factline_handler::{Options, Report};
use factline_kafka::records::record::Record;
use factline_kafka::records::registry::SchemaIds;
use factline_kafka::tools::topic_reader::{Range, Reader};
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry, records::decode, records::framing, topics::provision};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::gate::{
    COUNTER, Count, Counter, CounterCommand, CounterEvent, GATE, Gate, GateCommand, GateEvent, Pass,
};

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    handler: Options,
}

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Rig {
    pub(crate) kafka: KafkaConfig,
    registry: Registry,
    schemas: HashMap<&'static str, SchemaIds>,
    producer: FutureProducer,
    options: Options,
    reports: Reports,
}

/// Something that runs in this process.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

type Reports = Arc<Mutex<HashMap<String, Result<(), String>>>>;

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

impl Rig {
    pub(crate) async fn new(name: &str) -> Self {
        let servers = tokio::task::spawn_blocking(dev_servers::Servers::shared)
            .await
            .unwrap();
        let kafka = config(
            &servers.kafka.brokers(),
            &servers.registry.url(),
            &format!("{name}-{}.", Uuid::new_v4().simple()),
        );
        let registry = Registry::new(&kafka.registry_url);
        let mut schemas = HashMap::new();
        for contract in [&GATE, &COUNTER] {
            provision::provision(&kafka, contract, None).await.unwrap();
            let topics = kafka.topics(contract);
            let ids = registry.register_all(topics.commands(), contract.commands);
            schemas.insert(contract.aggregate, ids.await.unwrap());
        }
        let producer = kafka.client_config().set("acks", "all").create().unwrap();
        let options = Flags::parse_from(["test"]).handler;
        Self {
            kafka,
            registry,
            schemas,
            producer,
            options: Options {
                session_timeout_ms: 6000,
                ..options
            },
            reports: Reports::default(),
        }
    }

    /// Handlers of both aggregates, ready.
    pub(crate) async fn handlers(&self) -> [Running; 2] {
        let running = [
            self.handler::<Gate>(&GATE),
            self.handler::<Counter>(&COUNTER),
        ];
        self.until_ready("handler of tally.gate").await;
        self.until_ready("handler of tally.counter").await;
        running
    }

    fn handler<A: Aggregate>(&self, contract: &'static Contract) -> Running {
        let stop = CancellationToken::new();
        let run = factline_handler::run::<A>(
            contract,
            self.slot("h"),
            self.options.clone(),
            self.report(),
            stop.clone(),
        );
        let task = tokio::spawn(async move { run.await.unwrap() });
        Running { stop, task }
    }

    /// Provisions a policy and starts it in a slot; does not wait for it.
    pub(crate) async fn policy<P: Policy>(&self, slot: &str) -> Running {
        factline_policy::provision::<P>(&self.kafka).await.unwrap();
        self.launch::<P>(slot)
    }

    pub(crate) fn launch<P: Policy>(&self, slot: &str) -> Running {
        let stop = CancellationToken::new();
        let run = factline_policy::run::<P>(self.slot(slot), self.report(), stop.clone());
        let task = tokio::spawn(async move { run.await.unwrap() });
        Running { stop, task }
    }

    fn slot(&self, slot: &str) -> KafkaConfig {
        KafkaConfig {
            instance: slot.to_owned(),
            ..self.kafka.clone()
        }
    }

    fn report(&self) -> Report {
        let reports = Arc::clone(&self.reports);
        Arc::new(move |component, state| {
            reports.lock().unwrap().insert(component.to_owned(), state);
        })
    }

    pub(crate) async fn until_ready(&self, component: &str) {
        eventually(&format!("{component} is ready"), async || {
            self.reports.lock().unwrap().get(component) == Some(&Ok(()))
        })
        .await;
    }

    pub(crate) async fn until_it_says(&self, component: &str, text: &str) {
        eventually(&format!("{component} says {text}"), async || {
            let reports = self.reports.lock().unwrap();
            matches!(reports.get(component), Some(Err(why)) if why.contains(text))
        })
        .await;
    }

    /// Somebody passes a gate, as a command that no process has sent.
    pub(crate) async fn pass(&self, gate: &str, counter: &str, amount: i64) -> Envelope {
        let counter = counter.to_owned();
        let command = GateCommand(Pass { counter, amount });
        self.send(&GATE, gate, &command).await
    }

    pub(crate) async fn send<C: Messages>(
        &self,
        contract: &Contract,
        id: &str,
        command: &C,
    ) -> Envelope {
        let operation = Uuid::now_v7();
        let now = chrono::Utc::now();
        let envelope = Envelope::of_command(operation, command.record(), "/test", id, now);
        let (schema, codec) = self.schemas[contract.aggregate]
            .get(command.record())
            .unwrap();
        let value = framing::write(schema, &command.encode(codec).unwrap());
        let topics = self.kafka.topics(contract);
        let partition = partition_of(id.as_bytes(), contract.partitions);
        self.append(
            topics.commands(),
            partition,
            id,
            &envelope.to_headers(),
            &value,
        )
        .await;
        envelope
    }

    /// Appends whatever it is told to.
    pub(crate) async fn append(
        &self,
        topic: &str,
        partition: i32,
        key: &str,
        headers: &[(&str, String)],
        value: &[u8],
    ) {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let record = FutureRecord::to(topic)
            .partition(partition)
            .key(key)
            .payload(value)
            .headers(headers);
        self.producer.send(record, PATIENCE).await.unwrap();
    }

    /// Everything committed on a topic, in order within each partition.
    pub(crate) async fn read(&self, topic: &str) -> Vec<Record> {
        let (kafka, topic) = (self.kafka.clone(), topic.to_owned());
        let read = move || Reader::open(&kafka, &topic, &Range::default())?.all();
        tokio::task::spawn_blocking(read).await.unwrap().unwrap()
    }

    /// Envelopes of the commands that policies have sent to counters.
    pub(crate) async fn sent(&self) -> Vec<Envelope> {
        let records = self.read(self.kafka.topics(&COUNTER).commands()).await;
        let envelopes = records.iter().map(|record| record.envelope().unwrap());
        envelopes
            .filter(|envelope| envelope.source.starts_with("/policies/"))
            .collect()
    }

    /// What was counted.
    pub(crate) async fn counted(&self) -> Vec<(Envelope, CounterEvent)> {
        self.events(&COUNTER).await
    }

    pub(crate) async fn events<E: Messages>(&self, contract: &Contract) -> Vec<(Envelope, E)> {
        let mut events = Vec::new();
        for record in self.read(self.kafka.topics(contract).events()).await {
            events.push(decode::message(&self.registry, &record).await.unwrap());
        }
        events
    }

    pub(crate) async fn until_counted(&self, count: usize) -> Vec<(Envelope, CounterEvent)> {
        let mut counted = Vec::new();
        eventually(&format!("{count} are counted"), async || {
            counted = self.counted().await;
            counted.len() >= count
        })
        .await;
        counted
    }

    /// Waits until so many have passed.
    pub(crate) async fn until_passed(&self, count: usize) {
        eventually(&format!("{count} have passed"), async || {
            self.events::<GateEvent>(&GATE).await.len() >= count
        })
        .await;
    }

    /// Where a group is in a partition, and the partition's end.
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

    /// Waits until a policy over gates has reacted to everything.
    pub(crate) async fn until_reacted(&self, group: &str) {
        let topic = self.kafka.topics(&GATE).events().to_owned();
        for partition in 0..GATE.partitions {
            eventually("the policy is at the end", async || {
                let (at, end) = self.place(group, &topic, partition).await;
                at == end
            })
            .await;
        }
    }

    /// Waits until the counters' handler has handled every command that stands in its topic.
    pub(crate) async fn until_handled(&self) {
        let mut open: HashSet<Uuid> = HashSet::new();
        for partition in 0..COUNTER.partitions {
            let on = |id: &String| partition_of(id.as_bytes(), COUNTER.partitions) == partition;
            let id = (0..1000).map(|n| format!("last-{n}")).find(on).unwrap();
            // Refused, so that it is no event.
            let counter = id.clone();
            let count = CounterCommand(Count {
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

/// What a process with these options has.
pub(crate) fn config(brokers: &str, registry: &str, prefix: &str) -> KafkaConfig {
    let flags = [
        "test",
        "--kafka-brokers",
        brokers,
        "--registry-url",
        registry,
        "--topic-prefix",
        prefix,
    ];
    Flags::parse_from(flags).kafka
}

/// Waits for a condition; the test fails when it does not come true.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
