//! The bare limit of a rebuild: a program for this view alone. It folds each partition in memory,
//! copies the rows into a table without indexes, and builds the indexes. It knows no checkpoints,
//! no gaps, no parked keys and no limit of its memory, and shows its table to no reader.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use catalog_schemas::PRODUCT;
use catalog_schemas::product::Event;
use chrono::{DateTime, Utc};
use factline::Messages as _;
use factline_kafka::records::framing;
use factline_kafka::{KafkaConfig, Registry};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use sqlx::PgPool;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::load;

const TABLE: &str = "create table products (
    product_id uuid not null, name text not null,
    name_key text collate \"C\" not null
        generated always as (lower(normalize(name, NFC) collate \"pg_c_utf8\")) stored,
    brand text not null, price_amount bigint not null, currency text not null, state text not null,
    created_at timestamptz not null, updated_at timestamptz not null, version bigint not null)";
const COPY: &str = "copy products (product_id, name, brand, price_amount, currency, state, \
                    created_at, updated_at, version) from stdin";
const INDEXES: [&str; 4] = [
    "set maintenance_work_mem = '256MB'",
    "alter table products add primary key (product_id)",
    "create index on products (name_key, product_id)",
    "create index on products (brand, name_key, product_id)",
];
/// Bytes that are sent to PostgreSQL at once.
const CHUNK: usize = 256 * 1024;

struct Row {
    name: String,
    brand: String,
    amount: i64,
    currency: String,
    state: &'static str,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

/// Fills the table of an empty database. Returns the number of events.
pub(super) async fn fill(kafka: &KafkaConfig, pool: &PgPool, workers: usize) -> Result<usize> {
    sqlx::raw_sql(TABLE).execute(pool).await?;
    let queue = Mutex::new((0..PRODUCT.partitions).collect::<VecDeque<_>>());
    let registry = Registry::of(kafka);
    let runtime = Handle::current();
    let events = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| scope.spawn(|| work(kafka, pool, &registry, &queue, &runtime)))
            .collect();
        let results = workers.into_iter().map(|worker| {
            let joined = worker.join();
            joined.unwrap_or_else(|_| Err(anyhow!("a worker has panicked")))
        });
        results.sum::<Result<usize>>()
    })?;
    let mut connection = pool.acquire().await?;
    for statement in INDEXES {
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    sqlx::raw_sql("analyze products")
        .execute(&mut *connection)
        .await?;
    Ok(events)
}

fn work(
    kafka: &KafkaConfig,
    pool: &PgPool,
    registry: &Registry,
    queue: &Mutex<VecDeque<i32>>,
    runtime: &Handle,
) -> Result<usize> {
    let mut events = 0;
    loop {
        let next = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let Some(partition) = next else {
            return Ok(events);
        };
        let mut rows = HashMap::new();
        events += fold(kafka, partition, registry, runtime, &mut rows)?;
        runtime.block_on(copy(pool, &rows))?;
    }
}

fn fold(
    kafka: &KafkaConfig,
    partition: i32,
    registry: &Registry,
    runtime: &Handle,
    rows: &mut HashMap<Uuid, Row>,
) -> Result<usize> {
    let topics = kafka.topics(&PRODUCT);
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", "bare")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "10")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topics.events(), partition, Offset::Offset(0))?;
    consumer.assign(&from)?;
    let mut events = 0;
    loop {
        match consumer
            .poll(load::PATIENCE)
            .context("no answer from kafka")?
        {
            Ok(message) => {
                apply(&message, registry, runtime, rows)?;
                events += 1;
            }
            Err(KafkaError::PartitionEOF(_)) => return Ok(events),
            Err(error) => return Err(error.into()),
        }
    }
}

fn apply(
    message: &BorrowedMessage<'_>,
    registry: &Registry,
    runtime: &Handle,
    rows: &mut HashMap<Uuid, Row>,
) -> Result<()> {
    let (mut time, mut version) = (None, None);
    for header in message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter())
    {
        let text = || std::str::from_utf8(header.value.unwrap_or_default());
        match header.key {
            "ce_time" => time = Some(DateTime::parse_from_rfc3339(text()?)?.to_utc()),
            "ce_sequence" => version = Some(text()?.parse()?),
            _ => {}
        }
    }
    let (time, version) = (time.context("no time")?, version.context("no version")?);
    let (schema, datum) = framing::read(message.payload().context("no value")?)?;
    let codec = match registry.cached_codec(schema) {
        Ok(codec) => codec,
        Err(_) => runtime.block_on(registry.codec(schema))?,
    };
    let mut changed = |id: Uuid, change: &dyn Fn(&mut Row)| -> Result<()> {
        let row = rows.get_mut(&id).context("no product")?;
        change(row);
        (row.updated_at, row.version) = (time, version);
        Ok(())
    };
    match Event::decode(codec.record(), &codec, datum)? {
        Event::ProductCreated(created) => {
            let row = Row {
                name: created.name,
                brand: created.brand,
                amount: created.price.amount,
                currency: created.price.currency,
                state: "offered",
                created_at: time,
                updated_at: time,
                version,
            };
            rows.insert(created.product_id, row);
            Ok(())
        }
        Event::ProductRenamed(renamed) => changed(renamed.product_id, &|row| {
            row.name.clone_from(&renamed.name);
        }),
        Event::PriceChanged(price) => changed(price.product_id, &|row| {
            row.amount = price.price.amount;
            row.currency.clone_from(&price.price.currency);
        }),
        Event::ProductDiscontinued(ended) => changed(ended.product_id, &|row| {
            row.state = "discontinued";
        }),
    }
}

async fn copy(pool: &PgPool, rows: &HashMap<Uuid, Row>) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let mut copy = connection.copy_in_raw(COPY).await?;
    let mut text = String::with_capacity(CHUNK + 1024);
    for (id, row) in rows {
        write!(text, "{id}\t")?;
        escape(&mut text, &row.name);
        text.push('\t');
        escape(&mut text, &row.brand);
        writeln!(
            text,
            "\t{}\t{}\t{}\t{}\t{}\t{}",
            row.amount,
            row.currency,
            row.state,
            row.created_at.to_rfc3339(),
            row.updated_at.to_rfc3339(),
            row.version
        )?;
        if text.len() >= CHUNK {
            copy.send(text.as_bytes()).await?;
            text.clear();
        }
    }
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}
