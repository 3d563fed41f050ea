//! The service's role may select only from the relations that are meant for it.

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn reader_cannot_write_or_read_behind_the_stable_names() {
    let stage = Stage::set().await;
    let forbidden = [
        "insert into read.orders (order_id) values (gen_random_uuid())",
        "delete from read.orders",
        "update read.orders set units = 0",
        "select * from orders_v2.orders",
        "select * from customer_spending_v2.customer_spending",
        "select * from products_v2.products",
        "select * from price_history_v2.price_history",
        "update factline.checkpoint set next_offset = 0",
        "create table read.mine ()",
    ];
    for statement in forbidden {
        let refused = sqlx::raw_sql(statement)
            .execute(&stage.reader)
            .await
            .unwrap_err();
        let code = refused
            .as_database_error()
            .unwrap()
            .code()
            .unwrap()
            .into_owned();
        assert_eq!(code, "42501", "{statement}: {refused}");
    }
    for allowed in [
        "read.orders",
        "read.orders_checkpoint",
        "read.orders_parked",
        "read.orders_state",
        "read.customer_spending",
        "read.products",
        "read.price_history_checkpoint",
    ] {
        let select = sqlx::AssertSqlSafe(format!("select count(*) from {allowed}"));
        sqlx::query(select).fetch_one(&stage.reader).await.unwrap();
    }
}
