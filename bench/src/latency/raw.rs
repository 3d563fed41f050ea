//! The bare limit: the same hops by the raw calls, one after the other, without a framework.
//!
//! A producer appends a record. A consumer of a group reads it and writes two records and its
//! offset in one transaction. Another consumer sees the second record and writes a row and a
//! checkpoint in one transaction of PostgreSQL.

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use factline_kafka::KafkaConfig;
use factline_kafka::producer::polled::PolledProducer;
use harness::System;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use sqlx::Connection as _;
use uuid::Uuid;

use super::probes::from_the_end;
use super::spread::Spread;

const TIMEOUT: Duration = Duration::from_secs(30);
const PARTITIONS: i32 = 8;

/// Times of one record, by the number in it.
#[derive(Debug, Clone, Copy)]
enum Passed {
    Read(usize, Instant),
    Seen(usize, Instant),
    Written(usize, Instant),
}

/// Returns the spread of each hop, by the names of [`super::probes::HOPS`].
pub(crate) async fn measure(
    system: &System,
    rate: f64,
    time: Duration,
) -> Result<HashMap<&'static str, Spread>> {
    let kafka = system.kafka();
    let name = format!("{}raw-{}", kafka.topic_prefix, Uuid::new_v4().simple());
    let topics = ["commands", "events", "outcomes"].map(|kind| format!("{name}.{kind}"));
    create(&kafka, &topics).await?;
    let mut rows = sqlx::PgConnection::connect(&system.database_url("factline_projector")).await?;
    sqlx::raw_sql(
        "create schema if not exists raw; drop table if exists raw.row; drop table if exists raw.checkpoint; \
         create table raw.row (id bigint primary key, text text); \
         create table raw.checkpoint (id int primary key, next_offset bigint); \
         insert into raw.checkpoint values (1, 0)",
    )
    .execute(&mut rows)
    .await?;
    let (passed, results) = mpsc::channel();
    let transactions = Transactions::new(&kafka, &name, &topics)?;
    let outcomes = from_the_end(&kafka, &topics[2])?;
    let sender = passed.clone();
    let (stop, stopped) = mpsc::channel::<()>();
    let deciding = std::thread::spawn(move || transactions.run(&sender, &stopped));
    let runtime = tokio::runtime::Handle::current();
    let (stop_rows, rows_stopped) = mpsc::channel::<()>();
    let sender = passed.clone();
    let writing = std::thread::spawn(move || {
        while rows_stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            if let Some(Ok(message)) = outcomes.poll(Duration::from_millis(100)) {
                let number = number(message.payload());
                sender.send(Passed::Seen(number, Instant::now()))?;
                runtime.block_on(write(&mut rows, number))?;
                sender.send(Passed::Written(number, Instant::now()))?;
            }
        }
        anyhow::Ok(())
    });

    let mut client = kafka.client_config();
    client.set("acks", "all").set("linger.ms", "0");
    let producer = PolledProducer::new(&client, DefaultProducerContext)?;
    // Waits until the group has formed; and the first transaction of a producer is slower than the
    // others.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (begun, mut sent) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        sent.push(Instant::now());
        let text = format!("{:020}{}", sent.len() - 1, "x".repeat(300));
        let partition = i32::try_from(sent.len())? % PARTITIONS;
        let record = BaseRecord::to(&topics[0])
            .partition(partition)
            .key("key")
            .payload(&text);
        producer.send(record).map_err(|(error, _)| error)?;
        let pause = -(1.0 - rand::random::<f64>()).ln() / rate;
        tokio::time::sleep(Duration::from_secs_f64(pause)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop((stop, stop_rows));
    let ended = tokio::task::spawn_blocking(move || (deciding.join(), writing.join())).await?;
    ended
        .0
        .map_err(|_| anyhow::anyhow!("the raw loop panicked"))??;
    ended
        .1
        .map_err(|_| anyhow::anyhow!("the raw writer panicked"))??;
    drop(passed);
    Ok(hops(&sent, results))
}

fn hops(sent: &[Instant], results: mpsc::Receiver<Passed>) -> HashMap<&'static str, Spread> {
    let (mut read, mut seen) = (HashMap::new(), HashMap::new());
    let mut hops: HashMap<&str, Vec<Duration>> = HashMap::new();
    for passed in results {
        let (hop, took) = match passed {
            Passed::Read(number, at) => {
                read.insert(number, at);
                ("appended", at - sent[number])
            }
            Passed::Seen(number, at) => {
                seen.insert(number, at);
                let Some(read) = read.get(&number) else {
                    continue;
                };
                ("decided", at.saturating_duration_since(*read))
            }
            Passed::Written(number, at) => {
                hops.entry("completed").or_default().push(at - sent[number]);
                let Some(seen) = seen.get(&number) else {
                    continue;
                };
                ("row", at - *seen)
            }
        };
        hops.entry(hop).or_default().push(took);
    }
    hops.into_iter()
        .map(|(hop, took)| (hop, Spread::of(&took)))
        .collect()
}

async fn create(kafka: &KafkaConfig, topics: &[String]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = kafka.client_config().create()?;
    let topics: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|topic| NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)))
        .collect();
    for created in admin.create_topics(&topics, &AdminOptions::new()).await? {
        created.map_err(|(topic, error)| anyhow::anyhow!("{topic}: {error}"))?;
    }
    Ok(())
}

/// The exactly-once loop, a record at a time.
struct Transactions {
    consumer: BaseConsumer,
    producer: PolledProducer<DefaultProducerContext>,
    topics: [String; 3],
}

impl Transactions {
    fn new(kafka: &KafkaConfig, name: &str, topics: &[String; 3]) -> Result<Self> {
        let consumer: BaseConsumer = kafka
            .client_config()
            .set("group.id", name)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .create()?;
        consumer.subscribe(&[&topics[0]])?;
        let mut client = kafka.client_config();
        client.set("transactional.id", name).set("linger.ms", "0");
        let producer = PolledProducer::new(&client, DefaultProducerContext)?;
        producer.init_transactions(TIMEOUT)?;
        Ok(Self {
            consumer,
            producer,
            topics: topics.clone(),
        })
    }

    fn run(self, passed: &mpsc::Sender<Passed>, stopped: &mpsc::Receiver<()>) -> Result<()> {
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message?;
            passed.send(Passed::Read(number(message.payload()), Instant::now()))?;
            self.producer.begin_transaction()?;
            for topic in &self.topics[1..] {
                let record = BaseRecord::to(topic)
                    .partition(message.partition())
                    .key("key")
                    .payload(message.payload().unwrap_or_default());
                self.producer.send(record).map_err(|(error, _)| error)?;
            }
            self.producer.flush_at_once(TIMEOUT);
            let mut offsets = TopicPartitionList::new();
            let next = Offset::Offset(message.offset() + 1);
            offsets.add_partition_offset(&self.topics[0], message.partition(), next)?;
            let group = self.consumer.group_metadata().context("not in the group")?;
            self.producer
                .send_offsets_to_transaction(&offsets, &group, TIMEOUT)?;
            self.producer.commit_transaction(TIMEOUT)?;
        }
        Ok(())
    }
}

async fn write(rows: &mut sqlx::PgConnection, number: usize) -> Result<()> {
    let mut transaction = rows.begin().await?;
    sqlx::query("update raw.checkpoint set next_offset = next_offset + 1 where id = 1")
        .execute(&mut *transaction)
        .await?;
    sqlx::query("insert into raw.row values ($1, $2) on conflict (id) do nothing")
        .bind(i64::try_from(number)?)
        .bind("a row")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

fn number(payload: Option<&[u8]>) -> usize {
    let digits = payload
        .and_then(|payload| payload.get(..20))
        .unwrap_or_default();
    std::str::from_utf8(digits)
        .unwrap_or_default()
        .parse()
        .unwrap_or_default()
}
