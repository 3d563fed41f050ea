//! Pages are limited in bytes too.

use std::time::Duration;

use factline_postgres::ConsistentReads;
use factline_read::listing::{self, MAX_BYTES};
use reqwest::StatusCode;
use sqlx::{QueryBuilder, Row as _};
use tokio_util::sync::CancellationToken;

use crate::library::{RESOURCES, SHELVES, SIXTY};
use crate::stage::{Stage, database, sql};

/// Follows a list to its end. Returns the number of rows of each page.
async fn page_lengths(stage: &Stage, path: &str) -> (Vec<usize>, Vec<String>) {
    let (mut lengths, mut found, mut after) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = stage.get(&format!("{path}{after}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let items = page.body["items"].as_array().unwrap();
        assert!(!items.is_empty(), "a page has at least one row");
        let bytes: usize = items.iter().map(|item| item.to_string().len()).sum();
        assert!(items.len() == 1 || bytes <= MAX_BYTES, "{bytes} bytes");
        lengths.push(items.len());
        found.extend(items.iter().map(|item| item["isbn"].to_string()));
        let Some(next) = page.body["next"].as_str() else {
            return (lengths, found);
        };
        after = format!("&after={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_large_rows_ends_before_its_limit() {
    let stage = Stage::set(SHELVES).await;
    sql(&stage.pool, SIXTY).await;
    // 100 kB each, and two that are larger than a page.
    let large = "update books_v1.books set notes = jsonb_build_array(repeat('x', 100000));
                 update books_v1.books set notes = jsonb_build_array(repeat('x', 1500000))
                 where isbn in ('978-1', '978-30')";
    sql(&stage.pool, large).await;
    for sort in ["isbn", "lent", "-bought_at"] {
        let (lengths, mut found) =
            page_lengths(&stage, &format!("/shelves?limit=100&sort={sort}")).await;
        assert!(lengths.contains(&10), "{lengths:?}");
        assert!(lengths.contains(&1), "{lengths:?}");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 60, "{sort}: each row is on one page");
    }
    // A limit below the number of rows that fit still holds.
    let (lengths, _) = page_lengths(&stage, "/shelves?limit=7&sort=isbn").await;
    assert!(lengths.iter().all(|length| *length <= 7), "{lengths:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_small_rows_has_all_that_the_request_wants() {
    let stage = Stage::set(RESOURCES).await;
    sql(&stage.pool, SIXTY).await;
    let loans = "insert into loans_v1.loans (isbn, number, reader)
                 select '978-1', n, 'ada' from generate_series(1, 501) as n";
    sql(&stage.pool, loans).await;
    let page = stage.get("/books/978-1/loans?limit=500").await;
    let items = page.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 500);
    let numbers = items.iter().map(|item| item["number"].as_i64().unwrap());
    assert!(numbers.eq((2..=501).rev()), "in order, without gaps");
    let next = page.body["next"].as_str().unwrap();
    let last = format!("/books/978-1/loans?limit=500&after={next}");
    let last = stage.get(&last).await;
    assert_eq!(last.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_by_hand_ends_before_its_limit() {
    let pool = database().await;
    let snapshots = ConsistentReads::new(pool, Duration::ZERO, CancellationToken::new());
    for (bytes, length) in [(100_000, 10), (1_500_000, 1), (10, 40)] {
        let mut snapshot = snapshots
            .begin("read.books_checkpoint", None)
            .await
            .unwrap();
        let mut query = QueryBuilder::new("select n, repeat('x', ");
        query.push_bind(bytes);
        query.push(") as text from generate_series(1, 60) as n order by n");
        let page = listing::page(
            &mut snapshot,
            &mut query,
            40,
            |row| row.try_get::<i32, _>("n"),
            |n| *n,
        );
        let page = page.await.unwrap();
        assert_eq!(page.items, (1..=length).collect::<Vec<i32>>());
        assert!(page.next.is_some());
        // The connection can be used again although not all rows were read.
        snapshot.rollback().await.unwrap();
    }
}
