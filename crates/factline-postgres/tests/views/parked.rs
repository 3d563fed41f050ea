//! Views whose code fails for some events. After the repair and a redrive, their rows are those of
//! a run without the fault.

use std::sync::atomic::{AtomicBool, Ordering};

use factline::{AdditiveProjection, EventOf, Projection, Recorded};
use factline_postgres::{AdditiveView, Columns, Delta, HostedView, Migrations, PoisonPolicy, View};
use factline_testkit::{eventually, seeded_random};
use rand::RngExt as _;
use sqlx::PgPool;

use crate::sales::{Event, SaleType, Sold};
use crate::shop::{Running, Shop};
use crate::stage::{database, migration, rows, sql};

/// True while the code of the views has a defect: it panics for a sale of 13.
static DEFECTIVE: AtomicBool = AtomicBool::new(true);

fn sold(event: &Recorded<EventOf<SaleType>>) -> Sold {
    let Event::Sold(sold) = event.event.clone();
    assert!(
        sold.amount != 13 || !DEFECTIVE.load(Ordering::Relaxed),
        "a sale of 13"
    );
    sold
}

/// The sales of each customer, folded so that their order counts.
struct Ledgers;

#[derive(Debug, Clone, PartialEq, Columns)]
struct Ledger {
    sales: i64,
    chain: String,
}

impl Projection for Ledgers {
    type Source = SaleType;
    type Key = String;
    type Row = Ledger;

    fn keys(event: &Recorded<EventOf<SaleType>>) -> Vec<String> {
        let Event::Sold(sold) = &event.event;
        vec![sold.customer.clone()]
    }

    fn apply(
        _: &String,
        row: Option<Ledger>,
        event: &Recorded<EventOf<SaleType>>,
    ) -> Option<Ledger> {
        let (sales, chain) = row.map_or_else(Default::default, |row| (row.sales, row.chain));
        let amount = sold(event).amount;
        // A refund of 99 deletes the row.
        (amount != -99).then(|| Ledger {
            sales: sales + 1,
            chain: format!("{chain} {amount}"),
        })
    }
}

impl View for Ledgers {
    const NAME: &'static str = "ledgers";
    const VERSION: i32 = 1;
    const MIGRATIONS: Migrations = || {
        migration(
            "create table ledgers (id text primary key, sales bigint not null, chain text not null)",
        )
    };
}

/// The sales of each amount, of all customers.
struct Amounts;

#[derive(Debug, Clone, Columns, Delta)]
struct Sales {
    sales: i64,
}

impl AdditiveProjection for Amounts {
    type Source = SaleType;
    type Key = i64;
    type Delta = Sales;

    fn deltas(event: &Recorded<EventOf<SaleType>>) -> Vec<(i64, Sales)> {
        vec![(sold(event).amount, Sales { sales: 1 })]
    }
}

impl AdditiveView for Amounts {
    const NAME: &'static str = "amounts";
    const VERSION: i32 = 1;
    const MIGRATIONS: Migrations =
        || migration("create table amounts (id bigint primary key, sales bigint not null)");
}

/// A view that halts at a failure.
struct Strict;

impl AdditiveProjection for Strict {
    type Source = SaleType;
    type Key = String;
    type Delta = Sales;

    fn deltas(event: &Recorded<EventOf<SaleType>>) -> Vec<(String, Sales)> {
        let Event::Sold(sold) = &event.event;
        assert!(sold.amount != 13, "a sale of 13");
        vec![(sold.customer.clone(), Sales { sales: 1 })]
    }
}

impl AdditiveView for Strict {
    const NAME: &'static str = "strict";
    const VERSION: i32 = 1;
    const POISON: PoisonPolicy = PoisonPolicy::Halt;
    const MIGRATIONS: Migrations =
        || migration("create table strict (id text primary key, sales bigint not null)");
}

const VIEWS: [HostedView; 2] = [
    HostedView::of::<Ledgers>(),
    HostedView::additive::<Amounts>(),
];

async fn migrated() -> PgPool {
    let pool = database().await;
    for view in VIEWS {
        view.migrate(&pool).await.unwrap();
    }
    pool
}

async fn checksums(pool: &PgPool) -> Vec<String> {
    let query = "select (select md5(string_agg(t::text, ',' order by id)) from read.ledgers t) as ledgers, \
                        (select md5(string_agg(t::text, ',' order by id)) from read.amounts t) as amounts";
    rows(pool, query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redriven_views_are_those_of_a_run_without_the_fault() {
    let mut shop = Shop::open("redriven.").await;
    let mut random = seeded_random();
    let mut sales = |count| -> Vec<(String, i64)> {
        let mut sale = || {
            let customer = random.random_range(0..12);
            let amount = match random.random_range(0..40) {
                0 if customer < 4 => 13,
                1 => -99,
                _ => random.random_range(1..10),
            };
            (format!("customer {customer}"), amount)
        };
        let mut sales: Vec<_> = std::iter::repeat_with(&mut sale).take(count).collect();
        sales.push(("customer 0".to_owned(), 13));
        sales
    };
    let pool = migrated().await;
    shop.sell(&sales(300)).await;
    let running = Running::start(&shop.kafka, &pool, &VIEWS);
    for view in VIEWS {
        shop.until_read(&pool, &view.view_name().table()).await;
        running.reports.until_ready(view.name).await;
    }
    running.stop().await;
    let parked = "select view from factline.parked_key where key = 'customer 0' order by view";
    let both = [r#"{"view": "amounts"}"#, r#"{"view": "ledgers"}"#];
    assert_eq!(rows(&pool, parked).await, both);
    let shown = "select key from read.ledgers_parked where key = 'customer 0'";
    assert_eq!(rows(&pool, shown).await, [r#"{"key": "customer 0"}"#]);
    let others = "select count(*) > 7 as others from read.ledgers";
    assert_eq!(rows(&pool, others).await, [r#"{"others": true}"#]);

    // Another release, which has the defect too, and more sales.
    let running = Running::start(&shop.kafka, &pool, &VIEWS);
    shop.sell(&sales(300)).await;
    for view in VIEWS {
        shop.until_read(&pool, &view.view_name().table()).await;
    }
    DEFECTIVE.store(false, Ordering::Relaxed);
    let redrive = "insert into factline.parked_request \
                       (view, version, topic, partition, key, record_offset, action, actor, cause) \
                   select view, version, topic, partition, key, record_offset, 'redrive', 'ada', cause \
                   from factline.parked_key";
    sql(&pool, redrive).await;
    shop.sell(&sales(300)).await;
    eventually("no key is parked", async || {
        rows(&pool, "select from factline.parked_key")
            .await
            .is_empty()
    })
    .await;
    for view in VIEWS {
        shop.until_read(&pool, &view.view_name().table()).await;
    }
    running.stop().await;

    let reference = migrated().await;
    let running = Running::start(&shop.kafka, &reference, &VIEWS);
    for view in VIEWS {
        shop.until_read(&reference, &view.view_name().table()).await;
    }
    running.stop().await;
    assert_eq!(checksums(&pool).await, checksums(&reference).await);
    assert_eq!(
        rows(&reference, "select count(*) from factline.parked_request").await,
        [r#"{"count": 0}"#],
        "the reference had no fault"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn view_that_halts_is_not_ready() {
    const STRICT: [HostedView; 1] = [HostedView::additive::<Strict>()];
    let mut shop = Shop::open("strict.").await;
    let pool = database().await;
    STRICT[0].migrate(&pool).await.unwrap();
    shop.sell(&[("ann".to_owned(), 13)]).await;
    let running = Running::start(&shop.kafka, &pool, &STRICT);
    running
        .reports
        .until_it_reports("strict", "projection panicked: a sale of 13")
        .await;
    running.stop().await;
    let parked = rows(&pool, "select from factline.parked_key").await;
    assert_eq!(parked, [""; 0]);
}
