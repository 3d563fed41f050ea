//! Each response of a view says what it is: `Factline-Read`.

use std::time::{Duration, Instant};

use factline::{Point, Position};
use factline_kafka::topics::partition_of;
use factline_postgres::ConsistentReads;
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tokio_util::sync::CancellationToken;

use crate::stage::{Answer, Stage, ask, serve_from};

const TOPIC: &str = "ordering.order.events";
const PARTITIONS: i32 = 8;
const IDENTITY: &str = "0a1b2c3d";

/// The view has applied 9 events of each partition. Some of them are orders of ann.
const ORDERS: &str = "insert into factline.checkpoint
    (view, version, topic, partition, topic_identity, next_offset, sequence)
select view, version, topic, partition, '0a1b2c3d', 9, 9
from generate_series(0, 7) as partition,
    (values ('orders', 2, 'ordering.order.events'), ('customer-spending', 2, 'ordering.order.events'),
            ('products', 2, 'catalog.product.events'), ('price-history', 2, 'catalog.product.events'))
        as v (view, version, topic);
insert into orders
    (order_id, customer_id, state, lines, units, total_amount, currency, ordered_on, ordered_at, updated_at, version)
select ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'ann', 'placed', '[]', 1, 1, 'EUR', now(), now(), now(), 1
from generate_series(1, 4) as n;
insert into customer_spending (customer_id, currency, orders, units, total) values ('ann', 'EUR', 4, 4, 4)";

fn order(number: u32) -> String {
    format!("/orders/00000000-0000-0000-0000-00000000000{number}")
}

fn partition(order: &str) -> i32 {
    partition_of(&order.as_bytes()["/orders/".len()..], PARTITIONS)
}

fn read(answer: &Answer) -> &str {
    answer.headers["factline-read"].to_str().unwrap()
}

fn at(partition: i32, sequence: u64) -> HeaderMap {
    let position = Position::at(Point {
        topic: TOPIC.to_owned(),
        identity: IDENTITY.to_owned(),
        partition,
        sequence,
    });
    let mut headers = HeaderMap::new();
    headers.insert("factline-position", position.to_string().parse().unwrap());
    headers
}

async fn set() -> Stage {
    let stage = Stage::set().await;
    stage.sql(ORDERS).await;
    stage
}

impl Stage {
    /// Halts a partition before the record at offset 9.
    async fn halt(&self, partition: i32) {
        let halt = format!(
            "insert into factline.halted_partition
                 (view, version, topic, partition, record_offset, sequence, fault, reason)
             select view, version, topic, partition, next_offset, sequence, 'record', 'secret'
             from factline.checkpoint where partition = {partition}"
        );
        self.run(AssertSqlSafe(halt)).await;
    }

    async fn tokens(&self, path: &str) -> String {
        read(&self.get(path).await).to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn response_of_a_sound_view_is_fresh() {
    let stage = set().await;
    for (path, status) in [
        (order(1).as_str(), StatusCode::OK),
        (order(9).as_str(), StatusCode::NOT_FOUND),
        ("/orders?customer=ann", StatusCode::OK),
        ("/orders?customer=zoe", StatusCode::OK),
        ("/customers/ann/spending", StatusCode::OK),
        ("/customers/zoe/spending", StatusCode::NOT_FOUND),
    ] {
        let answer = stage.get_with(path, at(3, 9)).await;
        assert_eq!((answer.status, read(&answer)), (status, "fresh"), "{path}");
    }
    let known = stage.get(&order(1)).await;
    let mut headers = HeaderMap::new();
    headers.insert("if-none-match", known.headers["etag"].clone());
    let unchanged = stage.get_with(&order(1), headers).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert_eq!(read(&unchanged), "fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn response_that_came_late_has_waited() {
    let stage = set().await;
    let path = order(1);
    let origin = serve_from(ConsistentReads::new(
        stage.reader.clone(),
        Duration::from_mins(1),
        CancellationToken::new(),
    ))
    .await;
    let waiting = tokio::spawn(async move { ask(&Client::new(), &origin, &path, at(3, 10)).await });
    // The reader's connection waits for its next statement.
    let waits = "select count(*) from pg_stat_activity
                 where query like '%orders_state%' and pid <> pg_backend_pid()";
    while sqlx::query_scalar::<_, i64>(waits)
        .fetch_one(&stage.reader)
        .await
        .unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }
    stage
        .sql("update factline.checkpoint set sequence = 10; select pg_notify('factline_checkpoint', 'orders')")
        .await;
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status, read(&answer)), (StatusCode::OK, "waited"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_responses_that_depend_on_a_halted_partition_say_so() {
    let stage = set().await;
    let halted = partition(&order(1));
    stage.halt(halted).await;
    let orders: Vec<String> = (1..=9).map(order).collect();
    let others = orders.iter().filter(|order| partition(order) != halted);
    assert!(others.count() > 0);
    for path in orders {
        let expected = if partition(&path) == halted {
            "fresh, halted"
        } else {
            "fresh"
        };
        assert_eq!(stage.tokens(&path).await, expected, "{path}");
    }
    for path in [
        "/orders?customer=ann",
        "/orders?customer=zoe",
        "/customers/ann/spending",
        "/customers/zoe/spending",
        "/customers?currency=EUR",
    ] {
        assert_eq!(stage.tokens(path).await, "fresh, halted", "{path}");
    }
    // A list within an item of an aggregate.
    let product = "/products/00000000-0000-0000-0000-000000000001/prices";
    let id = &product["/products/".len()..product.len() - "/prices".len()];
    let is_halted = partition_of(id.as_bytes(), PARTITIONS) == halted;
    let expected = if is_halted { "fresh, halted" } else { "fresh" };
    assert_eq!(stage.tokens(product).await, expected);

    stage
        .sql("update factline.checkpoint set next_offset = 10")
        .await;
    assert_eq!(stage.tokens(&order(1)).await, "fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn position_behind_a_halt_is_refused_at_once() {
    let stage = set().await;
    stage.halt(3).await;
    let origin = serve_from(ConsistentReads::new(
        stage.reader.clone(),
        Duration::from_mins(10),
        CancellationToken::new(),
    ))
    .await;
    let begun = Instant::now();
    for path in [order(1).as_str(), "/orders", "/customers/ann/spending"] {
        let answer = ask(&Client::new(), &origin, path, at(3, 10)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(read(&answer), "behind, halted");
        assert_eq!(answer.headers["retry-after"], "60");
        let body = &answer.body;
        assert_eq!(body["type"], "https://factline.dev/problems/read-behind");
        assert_eq!(body["state"], "halted");
        assert_eq!(body["halted_at"], "ordering.order.events/3@9");
        assert!(!body.to_string().contains("secret"), "{body}");
        // What the view has applied is there.
        let answer = ask(&Client::new(), &origin, path, at(3, 9)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    assert!(begun.elapsed() < Duration::from_mins(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn read_that_waited_in_vain_is_behind() {
    let stage = set().await;
    for (state, tokens) in [("behind", "behind"), ("rebuilding", "behind, rebuilding")] {
        let answer = stage.get_with(&order(1), at(3, 10)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(read(&answer), tokens);
        assert_eq!(answer.body["state"], state);
        assert_eq!(answer.body.get("halted_at"), None);
        assert_eq!(answer.headers["retry-after"], "1");
        stage
            .sql("insert into factline.rebuilding (view) values ('orders') on conflict do nothing")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilds_and_parked_keys_are_told() {
    let stage = set().await;
    stage
        .sql("insert into factline.rebuilding (view) values ('orders')")
        .await;
    assert_eq!(stage.tokens("/orders").await, "fresh, rebuilding");
    assert_eq!(stage.tokens(&order(1)).await, "fresh, rebuilding");
    assert_eq!(stage.tokens("/customers/ann/spending").await, "fresh");
    let park = "insert into factline.parked_key
        (view, version, topic, partition, key, record_offset, sequence, event_time, cause, records)
    select view, version, topic, 3, '00000000-0000-0000-0000-000000000001', 8, 5, now(), 'secret', 1
    from factline.checkpoint where topic = 'ordering.order.events' and partition = 3";
    stage.sql(park).await;
    stage.halt(partition(&order(1))).await;
    let all = "fresh, halted, parked, rebuilding";
    assert_eq!(stage.tokens(&order(1)).await, all);
    assert_eq!(stage.tokens("/orders").await, all);
    let other = (2..=9)
        .map(order)
        .find(|other| partition(other) != partition(&order(1)));
    assert_eq!(stage.tokens(&other.unwrap()).await, "fresh, rebuilding");
    assert_eq!(
        stage.tokens("/customers/ann/spending").await,
        "fresh, halted, parked"
    );
}

#[test]
fn header_and_members_are_described() {
    let document: Value = factline_read::openapi(read_api::RESOURCES).unwrap();
    let responses = &document["paths"]["/orders/{id}"]["get"]["responses"];
    assert!(
        responses["200"]["headers"].get("Factline-Read").is_some(),
        "{responses}"
    );
    let unavailable = &document["components"]["responses"]["read-unavailable"].to_string();
    for text in [
        "halted_at",
        "rebuilding",
        "problems/read-behind",
        "problems/read-parked",
    ] {
        assert!(unavailable.contains(text), "{text}: {unavailable}");
    }
}
