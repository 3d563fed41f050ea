//! End to end: events in Kafka, all views followed as the process follows them, and the rows that
//! readers see.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use factline_kafka::topics::provision::provision;
use factline_kafka::{KafkaConfig, Record, Registry};
use factline_postgres::Following;
use ordering_schemas::ORDER;
use projectors::views::ALL;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::histories::{history, money, recorded};
use crate::tables::{database, migrate, records, servers};

const CUSTOMERS: u32 = 50;
/// The last reported readiness of a view.
type Health = Arc<Mutex<Option<Result<(), String>>>>;

const SOON: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn views_show_the_followed_events() {
    let count = 5_000_u32;
    let (pool, servers) = (database().await, servers().await);
    migrate(&pool).await;
    let kafka = KafkaConfig {
        brokers: servers.kafka.brokers(),
        registry_url: servers.registry.url(),
        topic_prefix: "followed.".to_owned(),
        ..KafkaConfig::default()
    };
    for contract in contracts::ALL {
        provision(&kafka, contract, None).await.unwrap();
    }
    let registry = Registry::new(&kafka.registry_url);
    let topic = kafka.topics(&ORDER).events().to_owned();
    let events = history((0..count).map(|number| {
        let customer = format!("customer {}", number % CUSTOMERS);
        recorded(number, &customer, 2, money(100, "USD"))
    }));
    let records = records(&registry, &topic, &events).await;
    let appending = kafka.clone();
    tokio::task::spawn_blocking(move || append(&appending, records))
        .await
        .unwrap();

    let shutdown = CancellationToken::new();
    let begun = std::time::Instant::now();
    let mut following = Vec::new();
    let healths: Vec<Health> = ALL.iter().map(|_| Health::default()).collect();
    for (view, health) in ALL.iter().zip(&healths) {
        let health = Arc::clone(health);
        following.push(tokio::spawn(view.run(Following {
            kafka: kafka.clone(),
            registry: registry.clone(),
            pool: pool.clone(),
            report: Box::new(move |state| *health.lock().unwrap() = Some(state)),
            shutdown: shutdown.clone(),
        })));
    }
    tokio::time::timeout(SOON, until_applied(&pool, count))
        .await
        .unwrap();
    println!(
        "{count} events into both views of orders in {:?}",
        begun.elapsed()
    );
    tokio::time::timeout(SOON, until_ready(&healths))
        .await
        .unwrap();
    shutdown.cancel();
    for view in following {
        view.await.unwrap().unwrap();
    }

    let (orders, units, total): (i64, i64, i64) = sqlx::query_as(
        "select count(*), sum(units)::bigint, sum(total_amount)::bigint from read.orders",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    let count = i64::from(count);
    assert_eq!((orders, units, total), (count, count * 2, count * 100));
    let customers: Vec<(i64, String)> =
        sqlx::query_as("select orders, total::text from read.customer_spending")
            .fetch_all(&pool)
            .await
            .unwrap();
    let each = count / i64::from(CUSTOMERS);
    let expected = (each, (each * 100).to_string());
    assert_eq!(customers, vec![expected; CUSTOMERS as usize]);
}

/// Appends records to their partitions, numbered as a command handler numbers them.
fn append(kafka: &KafkaConfig, records: Vec<Record>) {
    let producer: BaseProducer = kafka
        .client_config()
        .set("queue.buffering.max.messages", "1000000")
        .create()
        .unwrap();
    let mut sequences = [0_u64; 8];
    for record in records {
        let sequence = &mut sequences[usize::try_from(record.partition).unwrap()];
        *sequence += 1;
        let mut headers = OwnedHeaders::new();
        for (key, value) in record.headers.iter() {
            let value = Some(value);
            headers = headers.insert(Header { key, value });
        }
        let (key, value) = ("ce_partitionsequence", Some(&sequence.to_string()));
        headers = headers.insert(Header { key, value });
        let message = BaseRecord::to(&record.topic)
            .partition(record.partition)
            .key(record.key.as_ref().unwrap())
            .payload(record.value.as_ref().unwrap())
            .headers(headers);
        producer.send(message).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(SOON).unwrap();
}

/// Waits until every view is ready, including those whose topics are empty.
async fn until_ready(healths: &[Health]) {
    while healths
        .iter()
        .any(|health| *health.lock().unwrap() != Some(Ok(())))
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until both views of orders have applied `count` events, by their checkpoints.
async fn until_applied(pool: &PgPool, count: u32) {
    let applied = "select coalesce(min(applied), 0)::bigint from (
        select sum(sequence) from read.orders_checkpoint
        union all select sum(sequence) from read.customer_spending_checkpoint) as views (applied)";
    loop {
        let least: i64 = sqlx::query_scalar(applied).fetch_one(pool).await.unwrap();
        if least >= i64::from(count) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
