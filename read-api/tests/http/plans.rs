//! Each declared request finds its rows by an index.

use factline_read::plans;
use sqlx::AssertSqlSafe;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn every_declared_request_uses_its_index() {
    let stage = Stage::set().await;
    plans::check(read_api::RESOURCES, &stage.reader)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_index_is_found() {
    let stage = Stage::set().await;
    let indexes = [
        ("orders_by_time", "GET /orders", "-ordered_at"),
        ("orders_by_customer", "GET /orders", "-ordered_at"),
        ("orders_by_state", "GET /orders", "-ordered_at"),
        ("customer_spending_by_total", "GET /customers", "-total"),
        ("products_by_name", "GET /products", "name"),
        ("products_by_brand", "GET /products", "name"),
    ];
    for (index, place, sort) in indexes {
        let definition: String = sqlx::query_scalar("select pg_get_indexdef(to_regclass($1))")
            .bind(index)
            .fetch_one(&stage.pool)
            .await
            .unwrap();
        stage
            .run(AssertSqlSafe(format!("drop index {index}")))
            .await;
        let error = plans::check(read_api::RESOURCES, &stage.pool).await;
        stage.run(AssertSqlSafe(definition)).await;
        let text = error.unwrap_err().to_string();
        let named = format!("{place}: the sort order `{sort}` names the index {index}, which does");
        let scanned = format!("{place}: the sort order `{sort}` with");
        assert!(text.contains(&named) && text.contains(&scanned), "{text}");
    }
    plans::check(read_api::RESOURCES, &stage.pool)
        .await
        .unwrap();
}
