//! Test stage: a topic, a database, and a sink that shows every record that was written twice or
//! never.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use factline_kafka::{KafkaConfig, Record};
use factline_postgres::checkpoint::{self, Checkpoint};
use factline_postgres::follow::Error;
use factline_postgres::{
    Follower, FollowerId, Poison, PoisonPolicy, Sink, SinkError, TopicKind, migration,
};
pub(crate) use factline_testkit::{PATIENCE, eventually};
use factline_testkit::{Reports, kafka_config};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Name of the follower in its reports.
const FOLLOWER: &str = "follower";

pub(crate) struct Stage {
    pub(crate) kafka: KafkaConfig,
    url: String,
    pub(crate) pool: PgPool,
    pub(crate) topic: String,
    pub(crate) owner: FollowerId,
}

/// Running follower.
pub(crate) struct Running {
    pub(crate) reports: Reports,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Stage {
    pub(crate) async fn set(partitions: i32) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let servers = factline_testkit::servers().await;
        let database = format!("host_{number}");
        servers.postgres.create_database(&database).unwrap();
        let url = servers.postgres.url(&database, "factline_projector");
        let pool = PgPool::connect(&url).await.unwrap();
        migration::checkpoints(&pool, "factline").await.unwrap();
        sqlx::raw_sql(
            "create schema stage;
             create table stage.written (partition integer, sequence bigint, value text,
                 number bigint generated always as identity)",
        )
        .execute(&pool)
        .await
        .unwrap();
        let stage = Self {
            kafka: kafka_config(servers, ""),
            url,
            pool,
            topic: format!("stage.{number}.events"),
            owner: owner(),
        };
        stage.create_topic(partitions).await;
        stage
    }

    /// Returns the URL of its database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Serializes the stage into one line for a child process.
    pub(crate) fn to_line(&self) -> String {
        let kafka = &self.kafka;
        [&kafka.brokers, &kafka.registry_url, &self.url, &self.topic]
            .map(String::as_str)
            .join(" ")
    }

    /// Restores a stage from the line of its parent process.
    pub(crate) async fn from_line(line: &str) -> Self {
        let parts: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let [brokers, registry_url, url, topic] = <[String; 4]>::try_from(parts).unwrap();
        Self {
            kafka: KafkaConfig {
                brokers,
                registry_url,
                ..KafkaConfig::default()
            },
            pool: PgPool::connect(&url).await.unwrap(),
            url,
            topic,
            owner: owner(),
        }
    }

    pub(crate) async fn create_topic(&self, partitions: i32) {
        let topic = NewTopic::new(&self.topic, partitions, TopicReplication::Fixed(1));
        let admin = self.admin();
        let make = async || {
            let made = admin.create_topics([&topic], &AdminOptions::new()).await;
            made.unwrap()[0].is_ok()
        };
        // A topic of this name that was just deleted may still exist.
        eventually("the topic is created", make).await;
    }

    pub(crate) async fn delete_topic(&self) {
        let deleted = self
            .admin()
            .delete_topics(&[&self.topic], &AdminOptions::new())
            .await;
        deleted.unwrap()[0].as_ref().unwrap();
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.kafka.client_config().create().unwrap()
    }

    /// Appends events without keys in one transaction, and commits or aborts it.
    pub(crate) async fn append(&self, events: Vec<(i32, u64, &str)>, commit: bool) {
        let events = events.into_iter();
        let events = events.map(|(partition, sequence, value)| (partition, sequence, None, value));
        self.append_all(events.collect(), commit).await;
    }

    /// Appends events with keys.
    pub(crate) async fn append_keyed(&self, events: Vec<(i32, u64, &[u8], &str)>) {
        let events = events.into_iter();
        let events =
            events.map(|(partition, sequence, key, value)| (partition, sequence, Some(key), value));
        self.append_all(events.collect(), true).await;
    }

    async fn append_all(&self, events: Vec<(i32, u64, Option<&[u8]>, &str)>, commit: bool) {
        let (config, topic) = (self.kafka.client_config(), self.topic.clone());
        let events: Vec<(i32, u64, Option<Vec<u8>>, String)> = events
            .into_iter()
            .map(|(partition, sequence, key, value)| {
                (
                    partition,
                    sequence,
                    key.map(<[u8]>::to_vec),
                    value.to_owned(),
                )
            })
            .collect();
        let append = move || {
            let mut config = config;
            config.set("transactional.id", &topic);
            let producer: BaseProducer = config.create().unwrap();
            producer.init_transactions(PATIENCE).unwrap();
            producer.begin_transaction().unwrap();
            for (partition, sequence, key, value) in &events {
                let header = Header {
                    key: "ce_partitionsequence",
                    value: Some(&sequence.to_string()),
                };
                let mut record = BaseRecord::<[u8], str>::to(&topic)
                    .partition(*partition)
                    .payload(value)
                    .headers(OwnedHeaders::new().insert(header));
                record.key = key.as_deref();
                producer.send(record).unwrap();
            }
            producer.flush(PATIENCE).unwrap();
            if commit {
                producer.commit_transaction(PATIENCE).unwrap();
            } else {
                producer.abort_transaction(PATIENCE).unwrap();
            }
        };
        tokio::task::spawn_blocking(append).await.unwrap();
    }

    /// Appends good events with these sequences to a partition.
    pub(crate) async fn good(&self, partition: i32, sequences: std::ops::RangeInclusive<u64>) {
        let events = sequences.map(|sequence| (partition, sequence, "good"));
        self.append(events.collect(), true).await;
    }

    pub(crate) fn follow(&self, group: &str) -> Running {
        self.follow_as(group, TopicKind::Events)
    }

    /// Starts a follower with a separate connection pool.
    pub(crate) fn follow_with(&self, group: &str, pool: PgPool) -> Running {
        self.start(group, TopicKind::Events, pool, Written::default())
    }

    pub(crate) fn follow_as(&self, group: &str, kind: TopicKind) -> Running {
        self.start(group, kind, self.pool.clone(), Written::default())
    }

    /// Starts a follower with a sink, on a pool of its own if there is one.
    pub(crate) fn follow_by(&self, group: &str, pool: Option<&PgPool>, sink: &Written) -> Running {
        let pool = pool.unwrap_or(&self.pool).clone();
        self.start(group, TopicKind::Events, pool, sink.clone())
    }

    fn start(&self, group: &str, kind: TopicKind, pool: PgPool, sink: Written) -> Running {
        let reports = Reports::default();
        let shutdown = CancellationToken::new();
        let follower = Follower {
            owner: self.owner.clone(),
            group: format!("{}.{group}", self.topic),
            topics: vec![(self.topic.clone(), kind)],
        };
        let report = reports.report();
        let running = follower.run(
            sink,
            self.kafka.clone(),
            pool,
            move |state| report(FOLLOWER, state),
            shutdown.clone(),
        );
        Running {
            reports,
            shutdown,
            task: tokio::spawn(running),
        }
    }

    /// Returns the written records, ordered by partition and sequence.
    pub(crate) async fn written(&self) -> Vec<(i32, i64)> {
        sqlx::query_as("select partition, sequence from stage.written order by 1, 2")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn checkpoints(&self) -> Vec<Checkpoint> {
        let mut connection = self.pool.acquire().await.unwrap();
        checkpoint::load(&mut connection, &self.owner)
            .await
            .unwrap()
    }

    /// Moves the checkpoint of partition 0, as an operator does.
    pub(crate) async fn move_checkpoint(&self, next_offset: i64, sequence: i64) {
        let sql = "update factline.checkpoint set next_offset = $1, sequence = $2 \
                   where partition = 0";
        sqlx::query(sql)
            .bind(next_offset)
            .bind(sequence)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Waits until at least `count` records are written.
    pub(crate) async fn until_written(&self, count: usize) {
        eventually(&format!("{count} records are written"), async || {
            self.written().await.len() >= count
        })
        .await;
    }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Waits until the follower reports that a partition is halted.
    pub(crate) async fn until_halted(&self, place: &str) {
        self.reports.until_halted(FOLLOWER, place).await;
    }

    /// Waits until the follower is not ready for a reason that contains this text.
    pub(crate) async fn until_it_reports(&self, text: &str) {
        self.reports.until_it_reports(FOLLOWER, text).await;
    }

    pub(crate) async fn until_ready(&self) {
        self.reports.until_ready(FOLLOWER).await;
    }
}

fn owner() -> FollowerId {
    FollowerId {
        schema: "factline",
        view: "stage".to_owned(),
        version: 1,
    }
}

/// Returns all sequences from 1 to `last`, for each partition.
pub(crate) fn all(partitions: i32, last: i64) -> Vec<(i32, i64)> {
    (0..partitions)
        .flat_map(|partition| (1..=last).map(move |sequence| (partition, sequence)))
        .collect()
}

/// Sink that inserts a row for each record. The table has no key, so a repetition is visible. It
/// cannot handle the value "poison" until it is repaired.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) policy: PoisonPolicy,
    repaired: Arc<AtomicBool>,
}

impl Default for Written {
    fn default() -> Self {
        Self::with(PoisonPolicy::Halt)
    }
}

impl Written {
    pub(crate) fn with(policy: PoisonPolicy) -> Self {
        let repaired = Arc::default();
        Self { policy, repaired }
    }

    /// Handles every value from now on, as a new release does.
    pub(crate) fn repair(&self) {
        self.repaired.store(true, Ordering::Relaxed);
    }
}

impl Sink for Written {
    fn poison(&self) -> PoisonPolicy {
        self.policy
    }

    async fn write(
        &mut self,
        transaction: &mut PgConnection,
        records: &[Record],
    ) -> Result<(), SinkError> {
        assert!(!records.is_empty());
        for record in records {
            let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
            if value == "poison" && !self.repaired.load(Ordering::Relaxed) {
                return Err(Poison::new(record, "poison value").into());
            }
            let (_, sequence) = record.headers.iter().next().unwrap();
            let sequence: i64 = String::from_utf8_lossy(sequence).parse().unwrap();
            sqlx::query("insert into stage.written values ($1, $2, $3)")
                .bind(record.partition)
                .bind(sequence)
                .bind(value.as_ref())
                .execute(&mut *transaction)
                .await?;
        }
        Ok(())
    }
}
