//! Views that the tool rebuilds, also when it is killed.

use std::time::Duration;

use factline_postgres::HostedView;
use factline_testkit::{eventually, seeded_random, servers};
use projectors::ordering::orders::Orders;
use rand::RngExt as _;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::stage::Stage;

const ORDERS: HostedView = HostedView::of::<Orders>();

/// Number of times that the tool is killed.
const KILLS: usize = 12;

/// Returns a checksum of the rows and the number of events in them.
async fn contents(pool: &PgPool) -> (String, i64) {
    let sql = "select md5(string_agg(t::text, ',' order by order_id)), \
                      (select sum(sequence)::bigint from read.orders_checkpoint) from read.orders t";
    sqlx::query_as(sql).fetch_one(pool).await.unwrap()
}

async fn until_level(pool: &PgPool, events: i64) {
    let sql = "select coalesce(sum(sequence), 0)::bigint from read.orders_checkpoint";
    eventually("the view has all events", async || {
        let reached: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
        reached == events
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_rebuild_continues_to_an_equal_table() {
    let stage = Stage::with_handler("rebuilt").await;
    let shutdown = CancellationToken::new();
    let (url, pool) = stage.follow(ORDERS, &shutdown).await;
    let orders: Vec<Uuid> = (0..200).map(|_| Uuid::new_v4()).collect();
    for order in &orders {
        stage.place(*order).await;
    }
    for order in &orders[..100] {
        stage.ship(*order).await;
    }
    until_level(&pool, 300).await;
    let before = contents(&pool).await;
    let wrong = "update orders_v2.orders set total_amount = 7; \
                 delete from orders_v2.orders where state = 'shipped'";
    sqlx::raw_sql(wrong).execute(&pool).await.unwrap();
    let words = ["rebuild", "orders", "--database-url", &url];
    let refused = stage.run(&[&words[..], &["--disk-mb", "0"]].concat()).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("--disk-mb says 0 MB"), "{refused:?}");
    let slow = [&words[..], &["--rate", "150", "--workers", "1"]].concat();
    let mut random = seeded_random();
    for _ in 0..KILLS {
        let mut tool = stage.start(&slow);
        let pause = Duration::from_millis(random.random_range(50..3_500));
        if tokio::time::timeout(pause, tool.wait()).await.is_err() {
            tool.kill().await.unwrap();
        }
    }
    let rebuilt = stage.json(&words).await;
    assert_eq!(rebuilt[0]["view"], "orders", "{rebuilt:?}");
    assert_eq!(rebuilt[0]["parked"], 0);
    assert_eq!(contents(&pool).await, before);

    // The projector goes on in the new table.
    for order in &orders[100..150] {
        stage.ship(*order).await;
    }
    until_level(&pool, 350).await;
    let shipped = "select count(*) from read.orders where state = 'shipped'";
    let shipped: i64 = sqlx::query_scalar(shipped).fetch_one(&pool).await.unwrap();
    assert_eq!(shipped, 150);

    let back = stage
        .json(&["rollback", "orders", "--database-url", &url])
        .await;
    assert_eq!(back[0]["version"], 2, "{back:?}");
    let cancelled = [&words[..], &["--cancel"]].concat();
    assert_eq!(stage.json(&cancelled).await[0]["dropped"], false);

    let url = ["--database-url", &url];
    let wrong = [
        (
            &["why", "orders", "seven"][..],
            1,
            "seven",
            "is no key of the view",
        ),
        (
            &["view", "orders", "--at", "99@1"],
            1,
            "partition 99",
            "only 0 to 7",
        ),
        (
            &["view", "orders", "--at", "noon"],
            2,
            "noon",
            "or PARTITION@OFFSET",
        ),
        (
            &["rebuild", "orders", "--dry-run", "--baseline", "/none"],
            2,
            "/none",
            "--baseline: cannot run",
        ),
        (
            &["rebuild", "orders", "--dry-run", "--html", "/none/a"],
            2,
            "/none/a",
            "--html: cannot write",
        ),
    ];
    for (words, code, value, reason) in wrong {
        let refused = stage.run(&[words, &url].concat()).await;
        assert_eq!(refused.code, code, "{refused:?}");
        let names = refused.err.contains(value) && refused.err.contains(reason);
        assert!(names, "{refused:?}");
    }
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuild_of_an_unknown_view_names_the_known_ones() {
    let stage = Stage::empty("unknown-view").await;
    let url = servers()
        .await
        .postgres
        .url("postgres", "factline_projector");
    let refused = stage
        .run(&["rebuild", "order", "--database-url", &url])
        .await;
    assert!(!refused.success);
    assert!(
        refused
            .err
            .contains("unknown view order; known views: checkouts, customer-spending, orders"),
        "{refused:?}"
    );
}
