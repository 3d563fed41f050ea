//! The tables hold the rows of the pure projections, however the events are cut into batches.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use factline::{AdditiveProjection, AggregateType, EventOf, Recorded};
use factline_dev_servers::Servers;
use factline_kafka::{KafkaConfig, Record, Registry, records::framing};
use factline_postgres::{
    AdditiveSink, AdditiveView, Columns, RowId, RowKey, Sink, SinkError, View, ViewName, ViewSink,
    process,
};
use ordering_schemas::order::Event;
use projectors::ordering::customer_spending::CustomerSpending;
use projectors::ordering::orders::Orders;
use projectors::views::ALL;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::histories::{
    HistoryEvent, cancelled, confirmed, history, money, partition, placed, recorded, rows, shipped,
    sums,
};

pub(crate) async fn servers() -> &'static Servers {
    tokio::task::spawn_blocking(Servers::shared).await.unwrap()
}

pub(crate) async fn database() -> PgPool {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("views_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let postgres = &servers().await.postgres;
    postgres.create_database(&name).unwrap();
    PgPool::connect(&postgres.url(&name, "factline_projector"))
        .await
        .unwrap()
}

pub(crate) async fn migrate(pool: &PgPool) {
    process::migrate(pool, ALL).await.unwrap();
}

/// Returns the events of forty orders of three customers, with every kind of life.
pub(crate) fn lives() -> Vec<Recorded<Event>> {
    let mut events = Vec::new();
    for number in 0..40 {
        let customer = ["ann", "bob", "eve"][number as usize % 3];
        match number % 5 {
            0 => events.push(recorded(number, customer, 3, money(99, "USD"))),
            _ => events.push(placed(number, customer, i64::from(number), "EUR")),
        }
    }
    for number in 0..40 {
        let customer = ["ann", "bob", "eve"][number as usize % 3];
        match number % 5 {
            1 => events.push(shipped(number, customer)),
            2 => events.push(cancelled(number, customer, i64::from(number), "EUR")),
            3 => events.push(confirmed(number, customer, i64::from(number), "EUR")),
            _ => {}
        }
    }
    history(events)
}

/// Returns the records of the test's own topic, so that tests do not register the same subjects at
/// once.
pub(crate) async fn records<E: HistoryEvent>(
    registry: &Registry,
    topic: &str,
    history: &[Recorded<E>],
) -> Vec<Record> {
    let ids = registry.register_all(topic, E::RECORDS).await.unwrap();
    let mut records = Vec::new();
    for (offset, Recorded { envelope, event }) in history.iter().enumerate() {
        let (id, codec) = ids.get(event.record()).unwrap();
        let headers = envelope.to_headers().into_iter();
        records.push(Record {
            topic: topic.to_owned(),
            partition: partition(event),
            offset: i64::try_from(offset).unwrap(),
            timestamp: envelope.time,
            key: Some(event.subject().to_string().into_bytes()),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.into_bytes()))
                .collect(),
            value: Some(framing::write(id, &event.encode(codec).unwrap())),
        });
    }
    records
}

/// Writes all records in batches of `size`.
pub(crate) async fn write(
    transaction: &mut PgConnection,
    mut sink: impl Sink,
    records: &[Record],
    size: usize,
) {
    for batch in records.chunks(size) {
        sink.write(transaction, batch).await.unwrap();
    }
}

/// Returns the rows with these ids.
async fn load<V: View>(
    connection: &mut PgConnection,
    ids: impl IntoIterator<Item = &(i32, V::Key)>,
) -> BTreeMap<(i32, V::Key), V::Row> {
    let ids: Vec<_> = ids
        .into_iter()
        .cloned()
        .map(|(source_partition, key)| RowId {
            key,
            source_partition,
        })
        .collect();
    let rows = V::load(connection, &ids).await.unwrap().into_iter();
    rows.map(|(id, row)| ((id.source_partition, id.key), row))
        .collect()
}

/// Returns all sums in the table of a view.
async fn load_sums<V: AdditiveView>(connection: &mut PgConnection) -> BTreeMap<V::Key, V::Delta> {
    let table = ViewName::new(V::NAME, V::VERSION).relation();
    let rows = sqlx::query(AssertSqlSafe(format!("select * from {table}")))
        .fetch_all(connection)
        .await
        .unwrap();
    let decoded = rows.iter().map(|row| {
        let key = V::Key::decode(row, V::KEY).unwrap();
        (key, V::Delta::decode(row).unwrap())
    });
    decoded.collect()
}

/// Checks that the view's table, written in batches of several sizes, holds the rows of its
/// projection.
pub(crate) async fn holds_what_is_projected<V>(
    topic: &str,
    history: &[Recorded<EventOf<V::Source>>],
) where
    V: View<Source: AggregateType<Event: HistoryEvent>, Key: Debug, Row: Debug>,
{
    let pool = database().await;
    migrate(&pool).await;
    let registry = Registry::new(&servers().await.registry.url());
    let records = records(&registry, topic, history).await;
    let expected = rows::<V>(history);
    for size in [1, 7, 33, records.len()] {
        let mut transaction = pool.begin().await.unwrap();
        let sink = ViewSink::<V>::new(registry.clone());
        write(&mut transaction, sink, &records, size).await;
        let written = load::<V>(&mut transaction, expected.keys()).await;
        transaction.rollback().await.unwrap();
        assert_eq!(written, expected, "{} in batches of {size}", V::NAME);
    }
}

/// Checks that the view's table, written in batches of several sizes, holds the sums of its
/// projection.
async fn holds_what_is_added<V>(topic: &str, history: &[Recorded<EventOf<V::Source>>])
where
    V: AdditiveView<Source: AggregateType<Event: HistoryEvent>>,
    V: AdditiveProjection<Key: Debug, Delta: Clone + Debug + PartialEq>,
{
    let pool = database().await;
    migrate(&pool).await;
    let registry = Registry::new(&servers().await.registry.url());
    let records = records(&registry, topic, history).await;
    let expected = sums::<V>(history);
    for size in [1, 7, 33, records.len()] {
        let mut transaction = pool.begin().await.unwrap();
        let sink = AdditiveSink::<V>::new(registry.clone());
        write(&mut transaction, sink, &records, size).await;
        let written = load_sums::<V>(&mut transaction).await;
        transaction.rollback().await.unwrap();
        assert_eq!(written, expected, "{} in batches of {size}", V::NAME);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_any_size_write_the_same_rows() {
    holds_what_is_projected::<Orders>("orders.events", &lives()).await;
    holds_what_is_added::<CustomerSpending>("spending.events", &lives()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_removes_only_the_given_rows() {
    let pool = database().await;
    migrate(&pool).await;
    let mut connection = pool.acquire().await.unwrap();
    let mut rows = rows::<Orders>(&lives());
    let all: Vec<_> = rows
        .iter()
        .map(|((source_partition, key), row)| {
            let id = RowId {
                key: *key,
                source_partition: *source_partition,
            };
            (id, row.clone())
        })
        .collect();
    Orders::upsert(&mut connection, &all).await.unwrap();
    Orders::delete(&mut connection, &[all[0].0.clone()])
        .await
        .unwrap();
    let left = load::<Orders>(&mut connection, rows.keys()).await;
    rows.pop_first();
    assert_eq!(left, rows);
}

/// A schema that the registry has never had, and will never have.
const LOST: i32 = 987_654;

/// The registry may have been restored from an older copy: the event waits.
#[tokio::test(flavor = "multi_thread")]
async fn event_of_a_schema_that_the_registry_lacks_is_not_poison() {
    let pool = database().await;
    migrate(&pool).await;
    let registry = Registry::new(&servers().await.registry.url());
    let mut records = records(&registry, "lacking.events", &lives()).await;
    records[5].value = Some(framing::write(LOST, b"no schema"));
    let mut transaction = pool.begin().await.unwrap();
    let mut sink = ViewSink::<Orders>::new(registry);
    let error = sink.write(&mut transaction, &records).await.unwrap_err();
    assert!(matches!(error, SinkError::Unavailable(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_event_is_poison_at_its_offset() {
    let pool = database().await;
    migrate(&pool).await;
    let registry = Registry::of(&KafkaConfig {
        registry_url: servers().await.registry.url(),
        lost_schemas: vec![LOST],
        ..KafkaConfig::default()
    });
    let good = records(&registry, "broken.events", &lives()).await;
    let broken: [fn(&mut Record); 4] = [
        |record| record.value = Some(b"no frame".to_vec()),
        |record| record.value = None,
        |record| record.headers.clear(),
        |record| record.value = Some(framing::write(LOST, b"no schema")),
    ];
    for breaks in broken {
        let mut records = good.clone();
        breaks(&mut records[5]);
        let mut transaction = pool.begin().await.unwrap();
        let mut sink = ViewSink::<Orders>::new(registry.clone());
        let error = sink.write(&mut transaction, &records).await.unwrap_err();
        assert!(
            matches!(&error, SinkError::Poison(poison) if poison.offset == 5),
            "{error:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_registry_is_not_poison() {
    let pool = database().await;
    migrate(&pool).await;
    let known = Registry::new(&servers().await.registry.url());
    let records = records(&known, "unavailable.events", &lives()).await;
    let unavailable = Registry::new("http://127.0.0.1:1");
    let mut transaction = pool.begin().await.unwrap();
    let written = ViewSink::<Orders>::new(unavailable)
        .write(&mut transaction, &records)
        .await;
    assert!(
        matches!(written, Err(SinkError::Unavailable(_))),
        "{written:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_safe_concurrently_and_repeatedly() {
    let pool = database().await;
    tokio::join!(migrate(&pool), migrate(&pool));
    migrate(&pool).await;
}
