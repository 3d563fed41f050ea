//! The state of a view for its readers: halted partitions and rebuilds.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use factline::{AggregateType as _, EventOf, Point, Position, Projection, Recorded};
use factline_kafka::topics::partition_of;
use factline_postgres::consistent_read::Error;
use factline_postgres::rebuild::{self, Rebuild};
use factline_postgres::{Columns, ConsistentReads, HostedView, Migrations, PoisonPolicy, View};
use factline_testkit::eventually;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::rebuilds::{BOOKS, NEWER_BOOKS, migrated, options, sales};
use crate::sales::{Event, SaleType};
use crate::shop::{Running, Shop};
use crate::stage::{database, migration, rows, sql};

/// The number of sales of each customer. It halts at a sale of 13 until it is repaired.
struct Counts;

static IS_REPAIRED: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Clone, PartialEq, Columns)]
struct Count {
    sales: i64,
}

impl Projection for Counts {
    type Source = SaleType;
    type Key = String;
    type Row = Count;

    fn keys(event: &Recorded<EventOf<SaleType>>) -> Vec<String> {
        let Event::Sold(sold) = &event.event;
        vec![sold.customer.clone()]
    }

    fn apply(_: &String, row: Option<Count>, event: &Recorded<EventOf<SaleType>>) -> Option<Count> {
        let Event::Sold(sold) = &event.event;
        let is_repaired = IS_REPAIRED.load(Ordering::Relaxed);
        assert!(sold.amount != 13 || is_repaired, "a sale of 13");
        let sales = row.map_or(0, |row| row.sales) + 1;
        Some(Count { sales })
    }
}

impl View for Counts {
    const NAME: &'static str = "counts";
    const VERSION: i32 = 1;
    const MIGRATIONS: Migrations =
        || migration("create table counts (id text primary key, sales bigint not null)");
    const POISON: PoisonPolicy = PoisonPolicy::Halt;
}

const COUNTS: [HostedView; 1] = [HostedView::of::<Counts>()];
const CHECKPOINTS: &str = "read.counts_checkpoint";
const STATE: &str = "select state, partition, record_offset, sequence from read.counts_state";

/// Returns a position in the topic of the view's checkpoints.
async fn at(pool: &PgPool, partition: i32, sequence: u64) -> Position {
    let identity = "select topic, topic_identity from factline.checkpoint limit 1";
    let (topic, identity) = sqlx::query_as(identity).fetch_one(pool).await.unwrap();
    Position::at(Point {
        topic,
        identity,
        partition,
        sequence,
    })
}

fn reads(pool: &PgPool, patience: Duration) -> ConsistentReads {
    ConsistentReads::new(pool.clone(), patience, CancellationToken::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_does_not_wait_for_events_behind_a_halt() {
    const LONG: Duration = Duration::from_mins(10);
    let mut shop = Shop::open("halts.").await;
    let pool = database().await;
    COUNTS[0].migrate(&pool).await.unwrap();
    let running = Running::start(&shop.kafka, &pool, &COUNTS);
    let halted = partition_of(b"ann", SaleType::PARTITIONS);
    let customers = (0..).map(|number| format!("customer {number}"));
    let mut others =
        customers.filter(|name| partition_of(name.as_bytes(), SaleType::PARTITIONS) != halted);
    let bob = others.next().unwrap();
    let other = partition_of(bob.as_bytes(), SaleType::PARTITIONS);
    shop.sell(&[("ann".to_owned(), 1), (bob.clone(), 1)]).await;
    shop.until_read(&pool, "counts").await;

    // A reader that waits already is woken by the halt.
    let (reads, behind) = (reads(&pool, LONG), at(&pool, halted, 3).await);
    let waiting = tokio::spawn({
        let (reads, behind) = (reads.clone(), behind.clone());
        async move { reads.begin(CHECKPOINTS, Some(&behind)).await.map(drop) }
    });
    shop.sell(&[("ann".to_owned(), 13), ("ann".to_owned(), 1), (bob, 1)])
        .await;
    let refused = waiting.await.unwrap().unwrap_err();
    assert!(
        matches!(refused, Error::Halted { partition, offset: 1, .. } if partition == halted),
        "{refused}"
    );
    let begun = Instant::now();
    let refused = reads.begin(CHECKPOINTS, Some(&behind)).await.unwrap_err();
    assert!(matches!(refused, Error::Halted { .. }), "{refused}");
    assert!(begun.elapsed() < LONG / 20);
    let expected = format!(
        r#"{{"state": "halted", "sequence": 1, "partition": {halted}, "record_offset": 1}}"#
    );
    assert_eq!(rows(&pool, STATE).await, [expected]);

    // Readers of what is there, and of other partitions, do not notice.
    for position in [at(&pool, halted, 1).await, at(&pool, other, 2).await] {
        let begun = reads.begin(CHECKPOINTS, Some(&position));
        begun.await.unwrap().rollback().await.unwrap();
    }
    running.stop().await;

    IS_REPAIRED.store(true, Ordering::Relaxed);
    let running = Running::start(&shop.kafka, &pool, &COUNTS);
    eventually("the view goes on", async || {
        rows(&pool, STATE).await.is_empty()
    })
    .await;
    let snapshot = reads.begin(CHECKPOINTS, Some(&behind)).await.unwrap();
    snapshot.rollback().await.unwrap();
    running.stop().await;
}

/// A follower that was paused may record its halt after its successor has passed the record.
#[tokio::test(flavor = "multi_thread")]
async fn halt_that_the_checkpoint_has_passed_does_not_count() {
    let pool = database().await;
    COUNTS[0].migrate(&pool).await.unwrap();
    let halt = "insert into factline.checkpoint \
                    (view, version, topic, partition, topic_identity, next_offset, sequence) \
                    select 'counts', version, 't', partition, 'a', 5, 5 \
                    from generate_series(1, 2) as version, generate_series(0, 3) as partition; \
                insert into factline.halted_partition \
                    (view, version, topic, partition, record_offset, sequence, fault, reason) \
                values ('counts', 1, 't', 0, 4, 4, 'record', ''), \
                       ('counts', 1, 't', 1, 5, 5, 'record', ''), \
                       ('counts', 1, 't', 2, 4, 4, 'log', ''), \
                       ('counts', 2, 't', 3, 5, 5, 'record', '')";
    sql(&pool, halt).await;
    let shown = "select partition from read.counts_state order by 1";
    let expected = [1, 2].map(|partition| format!(r#"{{"partition": {partition}}}"#));
    assert_eq!(rows(&pool, shown).await, expected);
    // What is not there any more cannot be halted.
    sql(&pool, "delete from factline.checkpoint").await;
    assert_eq!(rows(&pool, shown).await, Vec::<String>::new());
}

const BOOKS_STATE: &str = "select state from read.books_state";
const REBUILDING: [&str; 1] = [r#"{"state": "rebuilding"}"#];

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_told_of_a_rebuild_while_it_runs() {
    let mut shop = Shop::open("announced.").await;
    let pool = migrated().await;
    shop.sell(&sales(400, 10)).await;
    let running = Running::start(&shop.kafka, &pool, &BOOKS);
    shop.until_read(&pool, "books").await;
    assert_eq!(rows(&pool, BOOKS_STATE).await, Vec::<String>::new());
    let slow = Rebuild {
        rate: NonZero::new(50),
        workers: 1,
        ..options(&shop, &pool)
    };
    let shutdown = slow.shutdown.clone();
    let rebuilding = tokio::spawn(async move { rebuild::rebuild(&BOOKS[0], &slow).await });
    eventually("readers are told", async || {
        rows(&pool, BOOKS_STATE).await == REBUILDING
    })
    .await;
    assert!(!rebuilding.is_finished());
    let stops = reads(&pool, Duration::ZERO);
    let ahead = at(&pool, 0, 1_000_000).await;
    let behind = stops.begin("read.books_checkpoint", Some(&ahead)).await;
    let behind = behind.unwrap_err();
    assert!(
        matches!(
            behind,
            Error::Behind {
                is_rebuilding: true,
                ..
            }
        ),
        "{behind}"
    );
    shutdown.cancel();
    let stopped = rebuilding.await.unwrap().unwrap_err();
    assert!(matches!(stopped, rebuild::Error::Stopped), "{stopped}");
    assert_eq!(rows(&pool, BOOKS_STATE).await, Vec::<String>::new());

    rebuild::rebuild(&BOOKS[0], &options(&shop, &pool))
        .await
        .unwrap();
    assert_eq!(rows(&pool, BOOKS_STATE).await, Vec::<String>::new());
    running.stop().await;

    // A rebuild that was killed says nothing any more.
    sql(
        &pool,
        "insert into factline.rebuilding (view) values ('books')",
    )
    .await;
    assert_eq!(rows(&pool, BOOKS_STATE).await, REBUILDING);
    let later = "update factline.rebuilding set seen_at = now() - interval '31 seconds'";
    sql(&pool, later).await;
    assert_eq!(rows(&pool, BOOKS_STATE).await, Vec::<String>::new());
}

/// Its process fills it beside the version that readers see.
#[tokio::test(flavor = "multi_thread")]
async fn readers_are_told_of_a_newer_version_until_they_see_it() {
    let shop = Shop::open("announced-newer.").await;
    let pool = migrated().await;
    // Version 1 has events that version 2 has not read.
    let ahead = "insert into factline.checkpoint \
                     (view, version, topic, partition, topic_identity, next_offset, sequence) \
                 values ('books', 1, 'elsewhere', 0, 'a', 5, 5)";
    sql(&pool, ahead).await;
    NEWER_BOOKS[0].migrate(&pool).await.unwrap();
    let running = Running::start(&shop.kafka, &pool, &NEWER_BOOKS);
    eventually("readers are told", async || {
        rows(&pool, BOOKS_STATE).await == REBUILDING
    })
    .await;
    sql(&pool, "delete from factline.checkpoint where version = 1").await;
    eventually("readers see the newer version", async || {
        rows(&pool, BOOKS_STATE).await.is_empty()
    })
    .await;
    running.stop().await;
}

/// A halt belongs to the rows whose follower has halted.
#[tokio::test(flavor = "multi_thread")]
async fn halt_moves_with_its_rows_in_a_rebuild() {
    let mut shop = Shop::open("moved-halts.").await;
    let pool = migrated().await;
    shop.sell(&sales(100, 10)).await;
    let running = Running::start(&shop.kafka, &pool, &BOOKS);
    shop.until_read(&pool, "books").await;
    running.stop().await;
    let halt = "insert into factline.halted_partition \
                    (view, version, topic, partition, record_offset, sequence, fault, reason) \
                select view, version, topic, partition, next_offset, sequence, 'record', '' \
                from factline.checkpoint where view = 'books' and partition = 1";
    sql(&pool, halt).await;
    let with = options(&shop, &pool);
    rebuild::rebuild(&BOOKS[0], &with).await.unwrap();
    assert_eq!(rows(&pool, BOOKS_STATE).await, Vec::<String>::new());
    let old = "select view, partition from factline.halted_partition";
    assert_eq!(
        rows(&pool, old).await,
        [r#"{"view": "books.old", "partition": 1}"#]
    );
}
