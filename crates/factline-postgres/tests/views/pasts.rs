//! The past of views: rows as they were, and the changes that led to them.

use std::collections::BTreeMap;

use factline_kafka::Registry;
use factline_postgres::history::{self, Error, Sources, Until};
use factline_testkit::seeded_random;
use rand::RngExt as _;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::rebuilds::{VIEWS, migrated};
use crate::shop::{Running, Shop};

/// The rows of a view at a time, and the event that it had reached in each partition.
struct Moment {
    reached: BTreeMap<i32, u64>,
    /// For each view.
    rows: Vec<Vec<Value>>,
}

/// Returns the rows of a view, without the columns that PostgreSQL generates.
async fn rows_of(pool: &PgPool, view: &str) -> Vec<Value> {
    let sql = format!("select to_jsonb(t) - 'many' from read.{view} t ");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_all(pool)
        .await
        .unwrap()
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(|row| row["id"].to_string());
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_at_a_time_are_those_that_the_view_had() {
    let mut shop = Shop::open("pasts.").await;
    let pool = migrated().await;
    let running = Running::start(&shop.kafka, &pool, &VIEWS);
    let mut random = seeded_random();
    let mut moments = Vec::new();
    for _ in 0..6 {
        let sales: Vec<_> = (0..random.random_range(1..40))
            .map(|_| {
                let customer = random.random_range(0..8);
                let amount = match random.random_range(0..12) {
                    0 => -99,
                    _ => random.random_range(1..10),
                };
                (format!("customer {customer}"), amount)
            })
            .collect();
        shop.sell(&sales).await;
        let mut rows = Vec::new();
        for view in VIEWS {
            shop.until_read(&pool, view.name).await;
            rows.push(sorted(rows_of(&pool, view.name).await));
        }
        moments.push(Moment {
            reached: shop.sequences.clone(),
            rows,
        });
    }
    running.stop().await;
    let sources = Sources {
        kafka: shop.kafka.clone(),
        registry: Registry::new(&shop.kafka.registry_url),
        pool: pool.clone(),
    };
    for moment in &moments {
        for (view, expected) in VIEWS.iter().zip(&moment.rows) {
            let until = Until::Sequences(moment.reached.clone());
            let rows = history::rows_at(view, &sources, until).await.unwrap();
            assert_eq!(&sorted(rows), expected, "{}", view.name);
        }
    }

    let [books, amounts] = &VIEWS;
    let last = moments.last().unwrap();
    let keys: Vec<Value> = (0..8)
        .map(|n| json!({"id": format!("customer {n}")}))
        .collect();
    let changes = history::changes(books, &sources, Until::End, &keys)
        .await
        .unwrap();
    for key in &keys {
        let of_key: Vec<_> = changes.iter().filter(|change| change.key == *key).collect();
        for [before, after] in of_key.array_windows() {
            assert_eq!(before.after, after.before, "{key}");
        }
        let row = of_key.last().and_then(|change| change.after.clone());
        let live = last.rows[0].iter().find(|row| row["id"] == key["id"]);
        assert_eq!(row.as_ref(), live, "{key}");
    }
    let five = [json!({"id": "5"})];
    let of_five = history::changes(amounts, &sources, Until::End, &five).await;
    let of_five = of_five.unwrap();
    let sum = of_five
        .iter()
        .filter_map(|change| change.after.as_ref()?["total"].as_i64());
    let sum: i64 = sum.sum();
    let live = last.rows[1].iter().find(|row| row["id"] == 5);
    assert_eq!(
        Some(sum),
        live.and_then(|row| row["total"].as_i64()).or(Some(0))
    );

    // An event is named by its place: what comes later in its partition is left out.
    let change = changes
        .iter()
        .find(|change| change.after.is_some())
        .unwrap();
    let until = Until::Offset {
        partition: change.partition,
        offset: change.offset,
    };
    let then = history::changes(books, &sources, until, &keys)
        .await
        .unwrap();
    let then = then
        .iter()
        .rfind(|then| then.partition == change.partition)
        .unwrap();
    assert_eq!(then.offset, change.offset);

    let refused = history::changes(books, &sources, Until::End, &[json!({"name": 1})]).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Error::Key { .. }), "{refused}");
    assert!(
        refused.to_string().contains("a key has the columns id"),
        "{refused}"
    );
}
