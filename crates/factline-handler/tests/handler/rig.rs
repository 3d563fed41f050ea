//! A commands topic with handlers on it, and what they wrote.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser as _;
use factline::{Envelope, Messages, Outcome};
use factline_handler::Options;
use factline_kafka::records::record::Record;
use factline_kafka::records::registry::SchemaIds;
use factline_kafka::topics::partition_of;
use factline_kafka::{
    KafkaConfig, Registry, Topics, records::decode, records::framing, topics::provision,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use crate::account::{ACCOUNT, Account, Command, Deposit, Event};
use crate::judge::{Judged, judge};

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    handler: Options,
}

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Rig {
    pub kafka: KafkaConfig,
    pub topics: Topics,
    registry: Registry,
    commands: SchemaIds,
    producer: FutureProducer,
    pub options: Options,
}

/// A handler that runs in this process.
pub(crate) struct Running {
    pub reports: Arc<Mutex<HashMap<String, Result<(), String>>>>,
    /// Whatever it has ever waited for.
    pub said: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), factline_handler::Error>>,
}

/// Of a handler, unless a test has reasons for another.
pub(crate) const SESSION_TIMEOUT_MS: u32 = 6_000;

fn flags(brokers: &str, registry: &str, prefix: &str, instance: &str) -> String {
    let mut flags = vec![
        "--kafka-brokers",
        brokers,
        "--registry-url",
        registry,
        "--topic-prefix",
        prefix,
        // So that every test has some.
        "--snapshot-every=25",
    ];
    if !instance.is_empty() {
        flags.extend(["--instance", instance]);
    }
    flags.join("\n")
}

fn parse(flags: &str) -> (KafkaConfig, Options) {
    let Flags { kafka, handler } = Flags::parse_from(["test"].into_iter().chain(flags.lines()));
    (kafka, handler)
}

/// Handles commands until the process is killed.
pub(crate) async fn handle_for_ever(flags: &str) {
    // What is logged decides what the client tells of, all of which the handler has to serve.
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .init();
    let (kafka, options) = parse(flags);
    let report: factline_handler::Report = Arc::new(|_, _| {});
    let stop = CancellationToken::new();
    factline_handler::run::<Account>(&ACCOUNT, kafka, options, report, stop)
        .await
        .unwrap();
}

impl Rig {
    /// Topics of its own, on the shared servers.
    pub(crate) async fn new(name: &str) -> Self {
        let servers = tokio::task::spawn_blocking(dev_servers::Servers::shared)
            .await
            .unwrap();
        Self::on(servers, name).await
    }

    /// The same on other servers.
    pub(crate) async fn on(servers: &dev_servers::Servers, name: &str) -> Self {
        let prefix = format!("{name}-{}.", Uuid::new_v4().simple());
        let brokers = servers.kafka.brokers();
        let url = servers.registry.url();
        let (kafka, mut options) = parse(&flags(&brokers, &url, &prefix, ""));
        options.session_timeout_ms = SESSION_TIMEOUT_MS;
        provision::provision(&kafka, &ACCOUNT, None).await.unwrap();
        let topics = kafka.topics(&ACCOUNT);
        let registry = Registry::new(&kafka.registry_url);
        let commands = registry
            .register_all(topics.commands(), ACCOUNT.commands)
            .await
            .unwrap();
        let producer = kafka.client_config().set("acks", "all").create().unwrap();
        Self {
            kafka,
            topics,
            registry,
            commands,
            producer,
            options,
        }
    }

    /// What a handler in another process has to be told.
    pub(crate) fn flags(&self, instance: &str) -> String {
        let kafka = &self.kafka;
        flags(
            &kafka.brokers,
            &kafka.registry_url,
            &kafka.topic_prefix,
            instance,
        )
    }

    /// Starts a handler in a slot and waits until it is ready.
    pub(crate) async fn start(&self, instance: &str) -> Running {
        let running = self.launch(instance);
        eventually("the handler is ready", async || {
            running.state() == Some(Ok(()))
        })
        .await;
        running
    }

    /// Starts a handler in a slot.
    pub(crate) fn launch(&self, instance: &str) -> Running {
        let reports = Arc::new(Mutex::new(HashMap::new()));
        let said = Arc::new(Mutex::new(Vec::new()));
        let (told, words) = (Arc::clone(&reports), Arc::clone(&said));
        let report: factline_handler::Report = Arc::new(move |component, state| {
            words.lock().unwrap().extend(state.clone().err());
            told.lock().unwrap().insert(component.to_owned(), state);
        });
        let stop = CancellationToken::new();
        let kafka = KafkaConfig {
            instance: instance.to_owned(),
            ..self.kafka.clone()
        };
        let task = tokio::spawn(factline_handler::run::<Account>(
            &ACCOUNT,
            kafka,
            self.options.clone(),
            report,
            stop.clone(),
        ));
        Running {
            reports,
            said,
            stop,
            task,
        }
    }

    /// Appends a deposit; answers its operation.
    pub(crate) async fn deposit(&self, account: &str, amount: i64) -> Uuid {
        self.send(Uuid::now_v7(), account, &Deposit { amount }.into())
            .await
    }

    pub(crate) async fn send(&self, operation: Uuid, account: &str, command: &Command) -> Uuid {
        self.send_with(operation, account, command, |envelope| envelope)
            .await
    }

    /// Appends a command whose envelope says more.
    pub(crate) async fn send_with(
        &self,
        operation: Uuid,
        account: &str,
        command: &Command,
        more: impl FnOnce(Envelope) -> Envelope,
    ) -> Uuid {
        let now = chrono::Utc::now();
        let envelope = Envelope::of_command(operation, command.record(), "/test", account, now);
        let envelope = more(envelope);
        let (id, codec) = self.commands.get(command.record()).unwrap();
        let value = framing::write(id, &command.encode(codec).unwrap());
        self.append(
            partition_of(account.as_bytes(), ACCOUNT.partitions),
            account,
            &envelope.to_headers(),
            &value,
        )
        .await;
        operation
    }

    /// Appends whatever it is told to.
    pub(crate) async fn append(
        &self,
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
        let record = FutureRecord::to(self.topics.commands())
            .partition(partition)
            .key(key)
            .payload(value)
            .headers(headers);
        self.producer.send(record, PATIENCE).await.unwrap();
    }

    /// Waits until every operation has an outcome, and answers them.
    pub(crate) async fn outcomes_of(&self, operations: &[Uuid]) -> BTreeMap<Uuid, Outcome> {
        let wanted: HashSet<Uuid> = operations.iter().copied().collect();
        let mut found = BTreeMap::new();
        eventually("every operation has an outcome", async || {
            found = self
                .outcomes()
                .await
                .into_iter()
                .filter(|outcome| outcome.state.is_terminal())
                .map(|outcome| (outcome.operation_id, outcome))
                .collect();
            wanted.iter().all(|operation| found.contains_key(operation))
        })
        .await;
        found
    }

    /// Every outcome there is.
    pub(crate) async fn outcomes(&self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for record in self.read(self.topics.outcomes()).await {
            let (id, datum) = framing::read(record.value.as_deref().unwrap()).unwrap();
            outcomes.push(
                self.registry
                    .codec(id)
                    .await
                    .unwrap()
                    .decode(datum)
                    .unwrap(),
            );
        }
        outcomes
    }

    /// Every event there is.
    pub(crate) async fn events(&self) -> Vec<(Record, Envelope, Event)> {
        let mut events = Vec::new();
        for record in self.read(self.topics.events()).await {
            let (envelope, event) = decode::message(&self.registry, &record).await.unwrap();
            events.push((record, envelope, event));
        }
        events
    }

    /// Everything committed on a topic, in order within each partition.
    pub(crate) async fn read(&self, topic: &str) -> Vec<Record> {
        let (kafka, topic) = (self.kafka.clone(), topic.to_owned());
        tokio::task::spawn_blocking(move || read(&kafka, &topic))
            .await
            .unwrap()
    }

    /// Checks what must be true of any log, see [`judge`]. Answers the balance of each account.
    pub(crate) async fn check(&self, operations: &[Uuid]) -> HashMap<String, i64> {
        let Judged { wrong, balances } = judge(self, operations, PATIENCE).await;
        assert!(wrong.is_empty(), "{wrong:#?}");
        balances
    }
}

impl Running {
    pub(crate) fn state(&self) -> Option<Result<(), String>> {
        self.reports
            .lock()
            .unwrap()
            .get("handler of ledger.account")
            .cloned()
    }

    /// Waits until the handler ends by itself.
    pub(crate) async fn ended(&mut self) -> Result<(), factline_handler::Error> {
        (&mut self.task).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// Waits for a condition; the test fails when it does not come true.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn read(kafka: &KafkaConfig, topic: &str) -> Vec<Record> {
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", "test-reader")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        // Some tests delete what is old.
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    let mut from = TopicPartitionList::new();
    let mut open = HashSet::new();
    for partition in 0..ACCOUNT.partitions {
        from.add_partition_offset(topic, partition, Offset::Offset(0))
            .unwrap();
        open.insert(partition);
    }
    consumer.assign(&from).unwrap();
    let mut records = Vec::new();
    let begin = Instant::now();
    while !open.is_empty() {
        assert!(begin.elapsed() < PATIENCE, "gave up reading {topic}");
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => records.push(Record::from(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            // On a machine with much to do, or a broker that was killed: the client connects again by itself.
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown))) | None => {}
            Some(Err(error)) => panic!("{error}"),
        }
    }
    records
}
