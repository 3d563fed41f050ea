//! Refused requests, and responses while the database is unavailable.

use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use sqlx::PgPool;

use crate::stage::{Stage, ask, serve};

#[tokio::test(flavor = "multi_thread")]
async fn invalid_parameters_are_refused_by_name() {
    let stage = Stage::set().await;
    let cases = [
        ("/orders?limit=0", "limit"),
        ("/orders?limit=501", "limit"),
        ("/orders?limit=ten", "limit"),
        ("/orders?after=last", "after"),
        ("/orders?state=lost", "state"),
        ("/orders?costumer=ann", "costumer"),
        ("/orders?state=placed&state=shipped", "state"),
        (
            "/orders/00000000-0000-0000-0000-000000000001?full=1",
            "full",
        ),
        ("/customers", "currency"),
        ("/customers?currency=USD&sort=total", "sort"),
        ("/customers?currency=USD&limit=0", "limit"),
        ("/customers?currency=USD&after=W10", "after"),
        ("/customers/ann/spending?currency=USD", "currency"),
        ("/products?name=tea", "name"),
        ("/products?limit=0", "limit"),
        ("/products?after=W10", "after"),
        (
            "/products/00000000-0000-0000-0000-000000000001?full=1",
            "full",
        ),
        (
            "/products/00000000-0000-0000-0000-000000000001/prices?after=x",
            "after",
        ),
    ];
    for (path, name) in cases {
        let answer = stage.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(
            answer.body["errors"][0]["parameter"], name,
            "{path}: {}",
            answer.body
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_are_404() {
    let stage = Stage::set().await;
    assert_eq!(stage.get("/order").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        stage.get("/customers/ann").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_table_is_503_until_the_lock_is_released() {
    let stage = Stage::set().await;
    let options = (*stage.reader.connect_options())
        .clone()
        .options([("lock_timeout", "100ms")]);
    let origin = serve(PgPool::connect_with(options).await.unwrap()).await;
    let get = async || ask(&Client::new(), &origin, "/products", HeaderMap::new()).await;
    let mut lock = stage.pool.begin().await.unwrap();
    sqlx::raw_sql("lock table products in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let answer = get().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key("retry-after"));
    lock.rollback().await.unwrap();
    assert_eq!(get().await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_database_is_503_within_the_timeout() {
    // Port 9 (discard) is closed wherever tests run.
    let options =
        sqlx::postgres::PgPoolOptions::new().acquire_timeout(std::time::Duration::from_millis(300));
    let unavailable: PgPool = options
        .connect_lazy("postgres://reader@127.0.0.1:9/none")
        .unwrap();
    let origin = serve(unavailable).await;
    let answer = ask(&Client::new(), &origin, "/orders", HeaderMap::new()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
}
