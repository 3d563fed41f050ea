//! Sums over events of several partitions: each event is added exactly once, and transactions that
//! change the same rows do not deadlock.

use std::collections::BTreeMap;

use factline::{AdditiveProjection, AggregateType as _, EventOf, Recorded};
use factline_kafka::topics::provision::provision;
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::follow::Error;
use factline_postgres::view::CHECKPOINTS;
use factline_postgres::{
    AdditiveSink, AdditiveView, Columns, Delta, Follower, FollowerId, HostedView, Migrations,
    Sink as _, SinkError, TopicKind,
};
use factline_testkit::{Reports, eventually, kafka_config, seeded_random, servers};
use rand::RngExt as _;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::sales::{Event, SaleType, Sold, Till};
use crate::stage::{database, migration, registry, write};

/// Purchases of a customer.
#[derive(Debug, Clone, Default, PartialEq, Columns, Delta)]
struct Purchases {
    sales: i64,
    total: i128,
}

/// The view.
struct Totals;

impl AdditiveProjection for Totals {
    type Source = SaleType;
    type Key = String;
    type Delta = Purchases;

    fn deltas(event: &Recorded<EventOf<SaleType>>) -> Vec<(String, Purchases)> {
        let Event::Sold(sold) = &event.event;
        let purchases = Purchases {
            sales: 1,
            total: sold.amount.into(),
        };
        vec![(sold.customer.clone(), purchases)]
    }
}

impl AdditiveView for Totals {
    const NAME: &'static str = "totals";
    const VERSION: i32 = 1;
    const KEY: &'static str = "customer";
    const MIGRATIONS: Migrations = || {
        migration(
            "create table totals (
                customer text primary key, sales bigint not null, total numeric not null
            )",
        )
    };
}

/// Follower of the view's topic, in this process.
struct Running {
    reports: Reports,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    fn start(kafka: &KafkaConfig, pool: &PgPool, group: &str) -> Self {
        let reports = Reports::default();
        let shutdown = CancellationToken::new();
        let follower = Follower {
            owner: owner(),
            group: format!("{}{group}", kafka.topic_prefix),
            topics: vec![(topic(kafka), TopicKind::Events)],
        };
        let report = reports.report();
        let running = follower.run(
            AdditiveSink::<Totals>::new(Registry::new(&kafka.registry_url)),
            kafka.clone(),
            pool.clone(),
            move |state| report(Totals::NAME, state),
            shutdown.clone(),
        );
        Self {
            reports,
            shutdown,
            task: tokio::spawn(running),
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    fn assert_without_deadlock(&self) {
        let reasons = self.reports.reasons();
        let deadlock = reasons.iter().find(|reason| reason.contains("deadlock"));
        assert_eq!(deadlock, None);
    }
}

fn owner() -> FollowerId {
    FollowerId {
        schema: CHECKPOINTS,
        view: Totals::NAME.to_owned(),
        version: Totals::VERSION,
    }
}

fn topic(kafka: &KafkaConfig) -> String {
    kafka.topics(SaleType::CONTRACT).events().to_owned()
}

async fn applied(pool: &PgPool) -> i64 {
    let sum = "select coalesce(sum(sequence), 0)::bigint from read.totals_checkpoint";
    sqlx::query_scalar(sum)
        .fetch_one(pool)
        .await
        .unwrap_or_default()
}

/// Terminates every connection to the database except this one, in any state. A transaction that
/// was open is rolled back, and its events are delivered again.
async fn crash(pool: &PgPool) {
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(pool)
    .await
    .unwrap();
}

/// Each partition sells to the same few customers. Two instances share the partitions of one group.
/// A third one is in a group of its own, so that it is assigned every partition, as a paused zombie
/// still assumes. All connections are lost again and again.
#[tokio::test(flavor = "multi_thread")]
async fn instances_add_each_event_to_shared_rows_exactly_once() {
    const PER_ROUND: u64 = 50;
    const ROUNDS: u64 = 20;
    let pool = database().await;
    HostedView::additive::<Totals>()
        .migrate(&pool)
        .await
        .unwrap();
    let kafka = kafka_config(servers().await, "totals.");
    provision(&kafka, SaleType::CONTRACT, None).await.unwrap();
    let till = Till::open(&registry().await, &topic(&kafka)).await;
    let mut followers: Vec<Running> = ["one", "one", "zombie"]
        .map(|group| Running::start(&kafka, &pool, group))
        .into();
    for follower in &followers {
        follower.reports.until_ready(Totals::NAME).await;
    }
    let mut random = seeded_random();
    let mut expected: BTreeMap<String, Purchases> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut records = Vec::new();
        for sequence in round * PER_ROUND + 1..=(round + 1) * PER_ROUND {
            for partition in 0..SaleType::PARTITIONS {
                let customer = format!("customer {}", random.random_range(0..20));
                let amount = random.random_range(-500..=1000);
                records.push(till.sold(partition, sequence, &customer, amount));
                let purchases = expected.entry(customer).or_default();
                purchases.sales += 1;
                purchases.total += i128::from(amount);
            }
        }
        Till::append(&kafka, records).await;
        if round % 4 == 3 {
            crash(&pool).await;
        }
        if round == ROUNDS / 2 {
            followers.remove(0).stop().await;
            followers.push(Running::start(&kafka, &pool, "one"));
        }
    }
    let count = i64::from(SaleType::PARTITIONS) * i64::try_from(ROUNDS * PER_ROUND).unwrap();
    eventually("all events are applied", async || {
        applied(&pool).await >= count
    })
    .await;
    for follower in followers {
        follower.assert_without_deadlock();
        follower.stop().await;
    }
    assert_eq!(stored(&pool).await, expected);
}

async fn stored(pool: &PgPool) -> BTreeMap<String, Purchases> {
    let rows = sqlx::query("select customer, sales, total from read.totals")
        .fetch_all(pool)
        .await
        .unwrap();
    let decoded = rows.iter().map(|row| {
        let customer: String = sqlx::Row::get(row, "customer");
        (customer, Purchases::decode(row).unwrap())
    });
    decoded.collect()
}

/// The order in which a statement locks rows is that of their keys, not that of its arguments.
#[tokio::test(flavor = "multi_thread")]
async fn statements_with_opposite_orders_do_not_deadlock() {
    let pool = database().await;
    HostedView::additive::<Totals>()
        .migrate(&pool)
        .await
        .unwrap();
    let forwards: Vec<(String, Purchases)> = (0..3_000)
        .map(|number| {
            let one = Purchases { sales: 1, total: 1 };
            (format!("customer {number:04}"), one)
        })
        .collect();
    let mut backwards = forwards.clone();
    backwards.reverse();
    let add = async |deltas: &[(String, Purchases)]| {
        for _ in 0..10 {
            let mut transaction = pool.begin().await.unwrap();
            Totals::add(&mut transaction, deltas).await.unwrap();
            transaction.commit().await.unwrap();
        }
    };
    tokio::join!(add(&forwards), add(&backwards));
    let expected = Purchases {
        sales: 20,
        total: 20,
    };
    let stored = stored(&pool).await;
    assert_eq!(stored.len(), forwards.len());
    assert!(stored.values().all(|found| *found == expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_any_size_add_the_same_sums() {
    let pool = database().await;
    HostedView::additive::<Totals>()
        .migrate(&pool)
        .await
        .unwrap();
    let registry = registry().await;
    let till = Till::open(&registry, "sums.events").await;
    let mut random = seeded_random();
    let records: Vec<_> = (1..=100)
        .map(|sequence| {
            let customer = format!("customer {}", random.random_range(0..5));
            till.sold(0, sequence, &customer, random.random_range(-9..=9))
        })
        .collect();
    let mut first = None;
    for size in [1, 7, 100] {
        sqlx::query("delete from totals_v1.totals")
            .execute(&pool)
            .await
            .unwrap();
        for batch in records.chunks(size) {
            write(&pool, AdditiveSink::<Totals>::new(registry.clone()), batch).await;
        }
        let stored = stored(&pool).await;
        assert_eq!(stored.values().map(|sum| sum.sales).sum::<i64>(), 100);
        assert_eq!(
            first.get_or_insert_with(|| stored.clone()),
            &stored,
            "batches of {size}"
        );
    }
}

/// Counts in a column that is too narrow for large amounts.
struct Narrow;

#[derive(Debug, Clone, Columns, Delta)]
struct Amount {
    amount: i64,
}

impl AdditiveProjection for Narrow {
    type Source = SaleType;
    type Key = String;
    type Delta = Amount;

    fn deltas(event: &Recorded<EventOf<SaleType>>) -> Vec<(String, Amount)> {
        let Event::Sold(Sold { customer, amount }) = event.event.clone();
        vec![(customer, Amount { amount })]
    }
}

impl AdditiveView for Narrow {
    const NAME: &'static str = "narrow";
    const VERSION: i32 = 1;
    const MIGRATIONS: Migrations =
        || migration("create table narrow (id text primary key, amount bigint not null)");
}

#[tokio::test(flavor = "multi_thread")]
async fn sum_that_overflows_its_column_is_never_stored() {
    let pool = database().await;
    HostedView::additive::<Narrow>()
        .migrate(&pool)
        .await
        .unwrap();
    let registry = registry().await;
    let till = Till::open(&registry, "narrow.events").await;
    let records = [till.sold(0, 1, "ann", 1), till.sold(0, 2, "ann", i64::MAX)];
    let mut sink = AdditiveSink::<Narrow>::new(registry);
    let mut transaction = pool.begin().await.unwrap();
    let error = sink.write(&mut transaction, &records).await.unwrap_err();
    let text = factline::error_chain(&error);
    assert!(
        matches!(&error, SinkError::Poison(poison) if poison.offset == 1),
        "{text}"
    );
    assert!(
        text.contains("sum of column amount does not fit into bigint"),
        "{text}"
    );

    sink.write(&mut transaction, &records[..1]).await.unwrap();
    let error = sink
        .write(&mut transaction, &records[1..])
        .await
        .unwrap_err();
    // The host treats this class of errors as a fault of the record.
    let code = match &error {
        SinkError::Database(error) => error.as_database_error(),
        _ => None,
    };
    let code = code.and_then(sqlx::error::DatabaseError::code);
    assert_eq!(code.as_deref(), Some("22003"), "{error}");
}
