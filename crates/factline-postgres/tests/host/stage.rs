//! A topic, a database and a sink that can show every record that was written twice, or never.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dev_servers::Servers;
use factline_kafka::{KafkaConfig, Record};
use factline_postgres::checkpoint::{self, Checkpoint};
use factline_postgres::follow::Error;
use factline_postgres::{Contents, Follower, Owner, Poison, Sink, SinkError, migration};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Where all that is awaited must have happened.
pub(crate) const SOON: Duration = Duration::from_mins(1);

pub(crate) struct Stage {
    pub(crate) kafka: KafkaConfig,
    url: String,
    pub(crate) pool: PgPool,
    pub(crate) topic: String,
    pub(crate) owner: Owner,
}

/// A follower at work.
pub(crate) struct Running {
    pub(crate) health: Arc<Mutex<Option<Result<(), String>>>>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Stage {
    pub(crate) async fn set(partitions: i32) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let servers = tokio::task::spawn_blocking(Servers::shared).await.unwrap();
        let database = format!("host_{number}");
        servers.postgres.create_database(&database).unwrap();
        let url = servers.postgres.url(&database, "factline_projector");
        let pool = PgPool::connect(&url).await.unwrap();
        migration::checkpoints(&pool, "factline").await.unwrap();
        sqlx::raw_sql(
            "create schema stage;
             create table stage.written (partition integer, sequence bigint, value text)",
        )
        .execute(&pool)
        .await
        .unwrap();
        let stage = Self {
            kafka: KafkaConfig {
                brokers: servers.kafka.brokers(),
                registry_url: servers.registry.url(),
                ..KafkaConfig::default()
            },
            url,
            pool,
            topic: format!("stage.{number}.events"),
            owner: owner(),
        };
        stage.create_topic(partitions).await;
        stage
    }

    /// Where its database is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// In one line, for a child process.
    pub(crate) fn say(&self) -> String {
        let kafka = &self.kafka;
        [&kafka.brokers, &kafka.registry_url, &self.url, &self.topic]
            .map(String::as_str)
            .join(" ")
    }

    /// What another process has set, from what it says.
    pub(crate) async fn read(said: &str) -> Self {
        let parts: Vec<String> = said.split(' ').map(str::to_owned).collect();
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
        // One of this name that was just deleted may still be going.
        until(make).await;
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

    /// Appends events, in one transaction, which is then committed or not.
    pub(crate) async fn append(&self, events: Vec<(i32, u64, &str)>, commit: bool) {
        let (config, topic) = (self.kafka.client_config(), self.topic.clone());
        let events: Vec<(i32, u64, String)> = events
            .into_iter()
            .map(|(partition, sequence, value)| (partition, sequence, value.to_owned()))
            .collect();
        let append = move || {
            let mut config = config;
            config.set("transactional.id", &topic);
            let producer: BaseProducer = config.create().unwrap();
            producer.init_transactions(SOON).unwrap();
            producer.begin_transaction().unwrap();
            for (partition, sequence, value) in &events {
                let header = Header {
                    key: "ce_partitionsequence",
                    value: Some(&sequence.to_string()),
                };
                let record = BaseRecord::<str, str>::to(&topic)
                    .partition(*partition)
                    .payload(value)
                    .headers(OwnedHeaders::new().insert(header));
                producer.send(record).unwrap();
            }
            producer.flush(SOON).unwrap();
            if commit {
                producer.commit_transaction(SOON).unwrap();
            } else {
                producer.abort_transaction(SOON).unwrap();
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
        self.follow_as(group, Contents::Events)
    }

    /// With connections of its own.
    pub(crate) fn follow_with(&self, group: &str, pool: PgPool) -> Running {
        self.start(group, Contents::Events, pool)
    }

    pub(crate) fn follow_as(&self, group: &str, contents: Contents) -> Running {
        self.start(group, contents, self.pool.clone())
    }

    fn start(&self, group: &str, contents: Contents, pool: PgPool) -> Running {
        let health = Arc::new(Mutex::new(None));
        let shutdown = CancellationToken::new();
        let follower = Follower {
            owner: self.owner.clone(),
            group: format!("{}.{group}", self.topic),
            topics: vec![(self.topic.clone(), contents)],
        };
        let report = Arc::clone(&health);
        let running = follower.run(
            Written,
            self.kafka.clone(),
            pool,
            move |state| *report.lock().unwrap() = Some(state),
            shutdown.clone(),
        );
        Running {
            health,
            shutdown,
            task: tokio::spawn(running),
        }
    }

    /// What was written, in order of partition and sequence.
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

    /// Waits until so many records are written.
    pub(crate) async fn until_written(&self, count: usize) {
        until(async || self.written().await.len() >= count).await;
    }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    pub(crate) fn state(&self) -> Option<Result<(), String>> {
        self.health.lock().unwrap().clone()
    }

    /// Waits until it is not ready for a reason that holds this text.
    pub(crate) async fn until_it_says(&self, text: &str) {
        let says = async || matches!(self.state(), Some(Err(reason)) if reason.contains(text));
        until(says).await;
    }

    pub(crate) async fn until_ready(&self) {
        until(async || self.state() == Some(Ok(()))).await;
    }
}

fn owner() -> Owner {
    Owner {
        schema: "factline",
        view: "stage".to_owned(),
        version: 1,
    }
}

/// Waits for a condition, not for ever.
pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, wait)
        .await
        .expect("it happens soon");
}

/// Everything from 1 to a number, for each of some partitions.
pub(crate) fn all(partitions: i32, last: i64) -> Vec<(i32, i64)> {
    (0..partitions)
        .flat_map(|partition| (1..=last).map(move |sequence| (partition, sequence)))
        .collect()
}

/// Inserts a row for each record; the table has no key, so nothing hides a repetition.
struct Written;

impl Sink for Written {
    async fn write(
        &mut self,
        transaction: &mut PgConnection,
        records: &[Record],
    ) -> Result<(), SinkError> {
        for record in records {
            let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
            if value == "poison" {
                return Err(Poison::new(record, "it is poison").into());
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
