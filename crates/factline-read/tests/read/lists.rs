//! Items and lists: filters of each type, sort orders of each kind, cursors, ids.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;

use crate::library::{RESOURCES, SHELVES, SIXTY};
use crate::stage::{Stage, sql};

#[tokio::test(flavor = "multi_thread")]
async fn filters_of_each_type_select_their_rows() {
    let stage = Stage::set(SHELVES).await;
    sql(&stage.pool, SIXTY).await;
    let cases = [
        ("", 60),
        ("shelf=cfcd2084-95d5-65ef-66e7-dff9f98764da", 15),
        ("pages=3", 9),
        ("copies=2", 20),
        ("readers=4", 12),
        ("price=92233720368547758080", 10),
        ("price=7", 0),
        ("lent=true", 30),
        ("printed_on=-0043-03-15", 6),
        ("bought_from=2026-03-01T12:00:06.000001Z", 14),
        ("bought_from=2026-03-01T12:00:06.000002Z", 7),
        ("bought_before=2026-03-01T12:00:06.000001Z", 46),
        (
            "bought_from=2026-03-01T12:00:02Z&bought_before=2026-03-01T14:00:03.000001%2B02:00",
            8,
        ),
        ("title=Map", 12),
        ("title=%25", 0),
        ("title=", 60),
        ("lent=true&copies=2&pages=3", 1),
    ];
    for (query, count) in cases {
        let found = stage.items(&format!("/shelves?limit=100&{query}")).await;
        assert_eq!(found.len(), count, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_cover_a_list_once_in_each_sort_order() {
    let stage = Stage::set(SHELVES).await;
    sql(&stage.pool, SIXTY).await;
    let sorts = [
        ("isbn", "isbn"),
        ("shelf", "shelf, isbn"),
        ("-copies", "copies desc, isbn desc"),
        ("-price", "price desc, readers desc, isbn desc"),
        ("lent", "lent, isbn"),
        ("printed_on", "printed_on, isbn"),
        ("-bought_at", "bought_at desc, isbn desc"),
    ];
    for (sort, order) in sorts {
        let select = format!("select isbn from books_v1.books order by {order}");
        let expected: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(select))
            .fetch_all(&stage.pool)
            .await
            .unwrap();
        for limit in [1, 7, 59, 60, 61] {
            let items = stage.pages(&format!("/shelves?sort={sort}"), limit).await;
            let found: Vec<_> = items.iter().map(|item| item["isbn"].as_str()).collect();
            let expected: Vec<_> = expected.iter().map(|isbn| Some(isbn.as_str())).collect();
            assert_eq!(found, expected, "{sort} by {limit}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_parameters_are_refused_together() {
    let stage = Stage::set(SHELVES).await;
    let cases = [
        ("shelf=1", "shelf"),
        ("pages=2147483648", "pages"),
        ("copies=-32769", "copies"),
        ("readers=1.5", "readers"),
        ("price=1e9", "price"),
        ("lent=yes", "lent"),
        ("printed_on=2026-02-30", "printed_on"),
        ("printed_on=-5000-01-01", "printed_on"),
        ("bought_from=today", "bought_from"),
        ("bought_before=-9999-01-01T00:00:00Z", "bought_before"),
        ("sort=title", "sort"),
        ("limit=501", "limit"),
    ];
    for (query, name) in cases {
        let refused = stage.refused(&format!("/shelves?{query}")).await;
        assert_eq!(refused, [name], "{query}");
    }
    let all = stage
        .refused("/shelves?sort=-&lent=1&limit=0&pages=x")
        .await;
    assert_eq!(all, ["sort", "pages", "lent", "limit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_that_a_sort_order_excludes_is_refused() {
    let stage = Stage::set(RESOURCES).await;
    let answer = stage.get("/books?sort=-pages&q=ma").await;
    assert_eq!(
        answer.body["errors"],
        json!([{"parameter": "q", "detail": "cannot be combined with sort=-pages"}])
    );
    assert_eq!(stage.items("/books?sort=-pages&q=").await.len(), 0);
    assert_eq!(stage.refused("/books?limit=41").await, ["limit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_another_list_is_refused() {
    let stage = Stage::set(RESOURCES).await;
    sql(&stage.pool, SIXTY).await;
    sql(
        &stage.pool,
        "insert into loans_v1.loans select '978-' || n, m, 'ann' \
         from generate_series(1, 2) as n, generate_series(1, 3) as m",
    )
    .await;
    let cursor = async |path: &str| match stage.get(path).await.body["next"].clone() {
        Value::String(next) => next,
        other => panic!("{path}: {other}"),
    };
    let first = cursor("/books?limit=1").await;
    for path in [
        "/books?sort=title&limit=2",
        "/books?limit=2",
        "/books?q=&limit=1",
    ] {
        assert!(
            !stage
                .items(&format!("{path}&after={first}"))
                .await
                .is_empty()
        );
    }
    for path in [
        "/books?sort=-pages",
        "/books?kind=novel",
        "/books?q=m",
        "/books/978-1/loans?",
    ] {
        let refused = stage.refused(&format!("{path}&after={first}")).await;
        assert_eq!(refused, ["after"], "{path}");
    }
    let loans = cursor("/books/978-1/loans?limit=1").await;
    let refused = stage
        .refused(&format!("/books/978-2/loans?after={loans}"))
        .await;
    assert_eq!(refused, ["after"]);
    for damaged in ["", "*", &first[1..], &first[..first.len() - 4]] {
        let refused = stage.refused(&format!("/books?after={damaged}")).await;
        assert_eq!(refused, ["after"], "{damaged}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_within_an_item_has_only_its_rows() {
    let stage = Stage::set(RESOURCES).await;
    sql(
        &stage.pool,
        "insert into loans_v1.loans values ('978-1', 1, 'ann'), ('978-1', 2, 'bob'), ('978-2', 1, 'eve')",
    )
    .await;
    assert_eq!(
        stage.items("/books/978-1/loans").await,
        [
            json!({"number": 2, "reader": "bob"}),
            json!({"number": 1, "reader": "ann"})
        ]
    );
    // A book that was never lent.
    assert!(stage.items("/books/978-3/loans").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn item_is_found_by_a_text() {
    let stage = Stage::set(RESOURCES).await;
    sql(&stage.pool, SIXTY).await;
    let book = stage.get("/books/978-5").await;
    assert_eq!(book.status, StatusCode::OK);
    assert_eq!(
        (&book.body["pages"], &book.body["returned_at"]),
        (&json!(5), &Value::Null)
    );
    assert_eq!(book.body.get("title_key"), None);
    assert_eq!(
        stage.get("/books/978-61").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_id_is_404_without_the_database() {
    // Port 9 (discard) is closed wherever tests run.
    let unavailable = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(300))
        .connect_lazy("postgres://reader@127.0.0.1:9/none")
        .unwrap();
    let stage = Stage::with(unavailable, RESOURCES).await;
    for id in ["978", "978-1234", "x978-1", "978-1x", "978-1%0A"] {
        for path in [format!("/books/{id}"), format!("/books/{id}/loans")] {
            let answer = stage.get(&path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    let possible = stage.get("/books/978-123").await;
    assert_eq!(possible.status, StatusCode::SERVICE_UNAVAILABLE);
}
