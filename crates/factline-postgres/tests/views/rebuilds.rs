//! Rebuilds of views that are followed and read meanwhile. Afterwards, their rows are those of a
//! view that was filled by its follower alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use factline::{AdditiveProjection, EventOf, Projection, Recorded};
use factline_kafka::Registry;
use factline_postgres::rebuild::{self, Error, Progress, Rebuild};
use factline_postgres::{
    AdditiveView, Columns, ConsistentReads, Delta, HostedView, Migrations, View,
};
use factline_testkit::{eventually, seeded_random};
use rand::RngExt as _;
use sqlx::{PgPool, Row as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::sales::{Event, SaleType};
use crate::shop::{Running, Shop};
use crate::stage::{database, migration, rows, sql};

/// The sales of each customer, folded so that their order counts. Version 2 leaves the chain out.
struct Books<const VERSION: i32>;

#[derive(Debug, Clone, PartialEq, Columns)]
struct Book {
    sales: i64,
    chain: String,
}

impl<const VERSION: i32> Projection for Books<VERSION> {
    type Source = SaleType;
    type Key = String;
    type Row = Book;

    fn keys(event: &Recorded<EventOf<SaleType>>) -> Vec<String> {
        let Event::Sold(sold) = &event.event;
        vec![sold.customer.clone()]
    }

    fn apply(_: &String, row: Option<Book>, event: &Recorded<EventOf<SaleType>>) -> Option<Book> {
        let Event::Sold(sold) = &event.event;
        assert!(sold.amount != 13, "a sale of 13");
        let (sales, chain) = row.map_or_else(Default::default, |row| (row.sales, row.chain));
        let chain = if VERSION == 1 {
            format!("{chain} {}", sold.amount)
        } else {
            chain
        };
        // A refund of 99 deletes the row.
        (sold.amount != -99).then(|| Book {
            sales: sales + 1,
            chain,
        })
    }
}

impl<const VERSION: i32> View for Books<VERSION> {
    const NAME: &'static str = "books";
    const VERSION: i32 = VERSION;
    const MIGRATIONS: Migrations = || {
        migration(
            "create table books (
                 id text primary key, sales bigint not null, chain text not null,
                 many boolean generated always as (sales > 10) stored
             );
             create index books_by_sales on books (sales, id);
             create unique index on books (id) where sales > 100",
        )
    };
}

/// The number and sum of the sales of each amount, of all customers.
struct Amounts;

#[derive(Debug, Clone, Columns, Delta)]
struct Sales {
    sales: i64,
    total: i128,
}

impl AdditiveProjection for Amounts {
    type Source = SaleType;
    type Key = i64;
    type Delta = Sales;

    fn deltas(event: &Recorded<EventOf<SaleType>>) -> Vec<(i64, Sales)> {
        let Event::Sold(sold) = &event.event;
        let total = sold.amount.into();
        vec![(sold.amount, Sales { sales: 1, total })]
    }
}

impl AdditiveView for Amounts {
    const NAME: &'static str = "amounts";
    const VERSION: i32 = 1;
    const MIGRATIONS: Migrations = || {
        migration(
            "create table amounts (
                 id bigint primary key, sales bigint not null, total numeric not null
             )",
        )
    };
}

pub(crate) const VIEWS: [HostedView; 2] = [
    HostedView::of::<Books<1>>(),
    HostedView::additive::<Amounts>(),
];
pub(crate) const BOOKS: [HostedView; 1] = [HostedView::of::<Books<1>>()];
pub(crate) const NEWER_BOOKS: [HostedView; 1] = [HostedView::of::<Books<2>>()];

pub(crate) async fn migrated() -> PgPool {
    let pool = database().await;
    for view in VIEWS {
        view.migrate(&pool).await.unwrap();
    }
    pool
}

pub(crate) fn options(shop: &Shop, pool: &PgPool) -> Rebuild {
    Rebuild {
        kafka: shop.kafka.clone(),
        registry: Registry::new(&shop.kafka.registry_url),
        pool: pool.clone(),
        workers: 2,
        memory: u64::MAX,
        most_rows: None,
        rate: None,
        progress: Arc::new(Progress::default()),
        shutdown: CancellationToken::new(),
    }
}

pub(crate) fn sales(count: usize, customers: u32) -> Vec<(String, i64)> {
    let mut random = seeded_random();
    let mut sale = || {
        let customer = random.random_range(0..customers);
        let amount = match random.random_range(0..60) {
            0 => -99,
            _ => random.random_range(1..10),
        };
        (format!("customer {customer}"), amount)
    };
    std::iter::repeat_with(&mut sale).take(count).collect()
}

/// Returns everything that readers see of a view.
async fn contents(pool: &PgPool, view: &str) -> Vec<String> {
    rows(pool, &format!("select * from read.{view} order by id")).await
}

/// Returns what a follower makes of all sales in an empty database.
async fn reference(shop: &Shop, views: &'static [HostedView]) -> PgPool {
    let pool = database().await;
    for view in views {
        view.migrate(&pool).await.unwrap();
    }
    let running = Running::start(&shop.kafka, &pool, views);
    for view in views {
        shop.until_read(&pool, &view.view_name().table()).await;
    }
    running.stop().await;
    pool
}

/// Returns the definitions of all indexes in a schema, without its name.
async fn indexes(pool: &PgPool, schema: &str) -> Vec<String> {
    let query = format!(
        "select replace(indexdef, '{schema}.', '') as index from pg_indexes \
         where schemaname = '{schema}' and tablename <> 'migrations' order by 1"
    );
    rows(pool, &query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_views_are_those_of_their_followers() {
    let mut shop = Shop::open("rebuilt.").await;
    let pool = migrated().await;
    shop.sell(&sales(2_000, 300)).await;
    let running = Running::start(&shop.kafka, &pool, &VIEWS);
    for view in VIEWS {
        shop.until_read(&pool, &view.view_name().table()).await;
    }
    // An operator has changed rows by hand.
    sql(
        &pool,
        "update books_v1.books set chain = 'wrong'; delete from books_v1.books where sales < 3;
         insert into amounts_v1.amounts values (1000, 1, 1)",
    )
    .await;
    for view in &VIEWS {
        let report = rebuild::rebuild(view, &options(&shop, &pool))
            .await
            .unwrap();
        assert_eq!((report.version, report.parked), (1, 0));
    }
    shop.sell(&sales(500, 300)).await;
    for view in VIEWS {
        shop.until_read(&pool, &view.view_name().table()).await;
    }
    for view in VIEWS {
        running.reports.until_ready(view.name).await;
    }
    running.stop().await;
    let expected = reference(&shop, &VIEWS).await;
    for view in ["books", "amounts"] {
        assert_eq!(contents(&pool, view).await, contents(&expected, view).await);
        let schema = format!("{view}_v1");
        assert_eq!(
            indexes(&pool, &schema).await,
            indexes(&expected, &schema).await
        );
    }
    let owners = "select distinct view from factline.checkpoint order by 1";
    assert_eq!(
        rows(&pool, owners).await,
        [
            r#"{"view": "amounts"}"#,
            r#"{"view": "amounts.old"}"#,
            r#"{"view": "books"}"#,
            r#"{"view": "books.old"}"#
        ]
    );

    // The old rows come back with what was sold since, and the rebuilt ones after them.
    for view in &VIEWS {
        rebuild::roll_back(view, &options(&shop, &pool))
            .await
            .unwrap();
    }
    let wrong = "select count(*) > 0 as wrong from read.books where chain like 'wrong%'";
    assert_eq!(rows(&pool, wrong).await, [r#"{"wrong": true}"#]);
    let total = "select sum(sales)::bigint as sales from read.amounts";
    assert_eq!(rows(&pool, total).await, [r#"{"sales": 2501}"#]);
    for view in &VIEWS {
        rebuild::roll_back(view, &options(&shop, &pool))
            .await
            .unwrap();
        assert_eq!(
            contents(&pool, view.name).await,
            contents(&expected, view.name).await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_rebuild_with_little_memory_is_continued() {
    let mut shop = Shop::open("interrupted.").await;
    let pool = migrated().await;
    shop.sell(&sales(6_000, 2_000)).await;
    let expected = reference(&shop, &VIEWS).await;
    let mut random = seeded_random();
    for view in &VIEWS {
        let (mut stops, mut done) = (0, false);
        while !done {
            let mut with = options(&shop, &pool);
            with.most_rows = Some(100);
            let shutdown = with.shutdown.clone();
            let pause = Duration::from_millis(random.random_range(0..700));
            let running = if stops < 15 {
                let stopping = async move {
                    tokio::time::sleep(pause).await;
                    shutdown.cancel();
                };
                tokio::join!(rebuild::rebuild(view, &with), stopping).0
            } else {
                rebuild::rebuild(view, &with).await
            };
            done = match running {
                Ok(_) => true,
                Err(Error::Stopped) => false,
                Err(error) => panic!("{error}: {error:?}"),
            };
            stops += 1;
        }
        assert_eq!(
            contents(&pool, view.name).await,
            contents(&expected, view.name).await
        );
        let schema = format!("{}_v1", view.name);
        assert_eq!(
            indexes(&pool, &schema).await,
            indexes(&expected, &schema).await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_ahead_of_the_log_are_replaced() {
    let mut shop = Shop::open("restored.").await;
    let pool = migrated().await;
    shop.sell(&sales(300, 30)).await;
    let expected = reference(&shop, &BOOKS).await;
    let ahead = "insert into factline.checkpoint \
                     (view, version, topic, partition, topic_identity, next_offset, sequence) \
                 values ('books', 1, 'restored.shop.sale.events', 0, 'another', 1, 1), \
                        ('books', 1, 'restored.shop.sale.events', 1, $1, 100000, 100000); \
                 insert into books_v1.books values ('lost', 1, '')";
    let identity = "select topic_identity from factline.checkpoint limit 1";
    let identity: String = sqlx::query_scalar(identity)
        .fetch_one(&expected)
        .await
        .unwrap();
    sql(&pool, &ahead.replace("$1", &format!("'{identity}'"))).await;
    let with = options(&shop, &pool);
    rebuild::rebuild(&BOOKS[0], &with).await.unwrap();
    assert_eq!(
        contents(&pool, "books").await,
        contents(&expected, "books").await
    );

    // Rows and checkpoints are gone altogether.
    let dropped =
        "drop schema books_v1 cascade; delete from factline.checkpoint where view = 'books'";
    sql(&pool, dropped).await;
    rebuild::rebuild(&BOOKS[0], &with).await.unwrap();
    assert_eq!(
        contents(&pool, "books").await,
        contents(&expected, "books").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_applied_are_parked_in_the_new_rows() {
    let mut shop = Shop::open("parked-again.").await;
    let pool = migrated().await;
    let mut all = sales(500, 30);
    all.insert(100, ("customer 1".to_owned(), 13));
    all.insert(200, ("customer 2".to_owned(), 13));
    all.insert(300, ("customer 1".to_owned(), 13));
    shop.sell(&all).await;
    let report = rebuild::rebuild(&BOOKS[0], &options(&shop, &pool))
        .await
        .unwrap();
    assert_eq!(report.parked, 2);
    let expected = reference(&shop, &BOOKS).await;
    assert_eq!(
        contents(&pool, "books").await,
        contents(&expected, "books").await
    );
    let parked = "select key, record_offset, cause, records, \
                      (select count(*) from factline.parked_record where parked_record.key = known.key) \
                  from factline.parked_key as known where view = 'books' order by key";
    assert_eq!(rows(&pool, parked).await, rows(&expected, parked).await);
    assert_eq!(
        rows(&pool, "select key from read.books_parked").await.len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_version_is_shown_when_it_has_caught_up() {
    let mut shop = Shop::open("newer.").await;
    let pool = migrated().await;
    shop.sell(&sales(500, 30)).await;
    let old = Running::start(&shop.kafka, &pool, &BOOKS);
    shop.until_read(&pool, "books").await;
    let before = contents(&pool, "books").await;

    NEWER_BOOKS[0].migrate(&pool).await.unwrap();
    assert_eq!(
        contents(&pool, "books").await,
        before,
        "the old version serves"
    );
    let new = Running::start(&shop.kafka, &pool, &NEWER_BOOKS);
    let shown = async |version: i32| {
        let of = format!(
            "select count(*) > 0 as shown from information_schema.view_table_usage \
             where view_name = 'books' and table_schema = 'books_v{version}'"
        );
        rows(&pool, &of).await == [r#"{"shown": true}"#]
    };
    eventually("the new version is shown", async || shown(2).await).await;
    shop.sell(&sales(100, 30)).await;
    shop.until_read(&pool, "books").await;
    old.stop().await;
    new.stop().await;
    let (old, new) = (
        reference(&shop, &BOOKS).await,
        reference(&shop, &NEWER_BOOKS).await,
    );
    let (old, new) = (contents(&old, "books").await, contents(&new, "books").await);
    assert_eq!(contents(&pool, "books").await, new);

    // The old version was followed too, so it is no step back.
    let with = options(&shop, &pool);
    let roll_back = async || rebuild::roll_back(&NEWER_BOOKS[0], &with).await;
    roll_back().await.unwrap();
    assert!(shown(1).await);
    assert_eq!(contents(&pool, "books").await, old);

    // It stays, even when processes of the new version start again.
    NEWER_BOOKS[0].migrate(&pool).await.unwrap();
    let running = Running::start(&shop.kafka, &pool, &NEWER_BOOKS);
    running.reports.until_ready("books").await;
    shop.sell(&sales(100, 30)).await;
    let level =
        "select sum(sequence)::bigint = 700 as level from factline.checkpoint where version = 2";
    eventually("the new version has caught up", async || {
        rows(&pool, level).await == [r#"{"level": true}"#]
    })
    .await;
    assert!(shown(1).await);

    // A rebuild of the new version shows it.
    let before = "select sum(sales)::bigint as sales from books_v2.books";
    let before = rows(&pool, before).await;
    rebuild::rebuild(&NEWER_BOOKS[0], &options(&shop, &pool))
        .await
        .unwrap();
    assert!(shown(2).await);
    let after = "select sum(sales)::bigint as sales from read.books";
    assert_eq!(rows(&pool, after).await, before);
    shop.sell(&sales(10, 30)).await;
    shop.until_read(&pool, "books").await;
    running.stop().await;

    // Now the old version was not followed.
    let refused = roll_back().await.unwrap_err();
    assert!(
        matches!(refused, Error::NotFollowed { version: 1 }),
        "{refused}"
    );
    let refused = rebuild::rebuild(&BOOKS[0], &options(&shop, &pool))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::OtherVersion {
                shown: 2,
                version: 1
            }
        ),
        "{refused}"
    );
    assert!(shown(2).await);
}

/// Reads all books again and again. Returns the number of reads and the highest number of
/// milliseconds of one.
fn reader(pool: &PgPool, stop: &Arc<AtomicBool>) -> JoinHandle<(usize, Duration)> {
    let (pool, stop) = (pool.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        let reads = ConsistentReads::new(pool, Duration::from_secs(5), CancellationToken::new());
        let (mut count, mut longest) = (0, Duration::ZERO);
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let (mut sales, mut events) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            let begun = std::time::Instant::now();
            let mut snapshot = reads.begin("read.books_checkpoint", None).await.unwrap();
            let sequence = "select coalesce(sum(sequence), 0)::bigint from read.books_checkpoint";
            let reached: i64 = sqlx::query_scalar(sequence)
                .fetch_one(&mut *snapshot)
                .await
                .unwrap();
            let found = sqlx::query("select id, sales from read.books")
                .fetch_all(&mut *snapshot)
                .await
                .unwrap();
            snapshot.rollback().await.unwrap();
            longest = longest.max(begun.elapsed());
            let now: i64 = found.iter().map(|row| row.get::<i64, _>(1)).sum();
            let ids: BTreeSet<String> = found.iter().map(|row| row.get(0)).collect();
            assert!(
                reached >= events,
                "{reached} after {events}: an older state"
            );
            assert!(now >= sales, "{now} after {sales}: older rows");
            assert_eq!(now, reached, "rows and checkpoints are of one table");
            assert!(ids.is_superset(&seen), "missing rows");
            (sales, events, seen) = (now, reached, ids);
            count += 1;
        }
        (count, longest)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_no_older_rows_during_rebuilds() {
    const REBUILDS: usize = 20;
    let mut shop = Shop::open("read.").await;
    let pool = migrated().await;
    // No sale deletes a row here.
    let all: Vec<_> = sales(4_000, 100)
        .into_iter()
        .map(|(customer, amount)| (customer, amount.abs()))
        .collect();
    shop.sell(&all[..2_000]).await;
    let running = Running::start(&shop.kafka, &pool, &BOOKS);
    shop.until_read(&pool, "books").await;
    let ended = Arc::new(AtomicBool::new(false));
    let reading = [reader(&pool, &ended), reader(&pool, &ended)];
    let rebuilding = async {
        for number in 0..REBUILDS {
            let with = options(&shop, &pool);
            let report = rebuild::rebuild(&BOOKS[0], &with).await;
            report.unwrap_or_else(|error| panic!("rebuild {number}: {error}: {error:?}"));
        }
    };
    let mut selling = Shop::beside(&shop).await;
    let (done, sold) = (AtomicBool::new(false), AtomicBool::new(false));
    tokio::join!(
        async {
            rebuilding.await;
            done.store(true, Ordering::Relaxed);
        },
        async {
            for sales in all[2_000..].chunks(10) {
                selling.sell(sales).await;
                if !done.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            sold.store(true, Ordering::Relaxed);
        }
    );
    selling.until_read(&pool, "books").await;
    ended.store(true, Ordering::Relaxed);
    for reader in reading {
        let (reads, longest) = reader.await.unwrap();
        assert!(reads > REBUILDS, "{reads} reads, the longest {longest:?}");
    }
    running.stop().await;
    let expected = reference(&selling, &BOOKS).await;
    assert_eq!(
        contents(&pool, "books").await,
        contents(&expected, "books").await
    );
}
