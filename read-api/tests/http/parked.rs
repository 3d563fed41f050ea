//! Reads of views that could not apply events: they say so, and never pass for fresh.

use factline::{Point, Position};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::stage::{Answer, Stage};

const FRESH: &str = "/orders/00000000-0000-0000-0000-000000000001";
const PARKED: &str = "/orders/00000000-0000-0000-0000-000000000002";
/// An order whose first event is parked.
const UNBORN: &str = "/orders/00000000-0000-0000-0000-000000000003";

/// The view has applied 9 events of each partition.
const TWO: &str = "insert into factline.checkpoint
    (view, version, topic, partition, topic_identity, next_offset, sequence)
select view, version, 'ordering.order.events', partition, '0a1b2c3d', 9, 9
from generate_series(0, 7) as partition, (values ('orders', 2), ('customer-spending', 2)) as v (view, version);
insert into orders
    (order_id, customer_id, state, lines, units, total_amount, currency, ordered_on, ordered_at, updated_at, version)
select ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'ann', 'placed', '[]', 1, 1, 'EUR', now(), now(), now(), 1
from generate_series(1, 2) as n;
insert into customer_spending (customer_id, currency, orders, units, total) values ('ann', 'EUR', 2, 2, 2)";

/// Events 5 of partition 3 and 7 of partition 4 could not be applied.
const PARK: &str = "insert into factline.parked_key
    (view, version, topic, partition, key, record_offset, sequence, event_time, cause, records)
select view, version, 'ordering.order.events', n + 1, '00000000-0000-0000-0000-00000000000' || n, 8, 2 * n + 1,
       timestamptz '2026-03-01T12:00:00.25Z', 'projection panicked', 1
from generate_series(2, 3) as n, (values ('orders', 2), ('customer-spending', 2)) as v (view, version)";

fn at(partition: i32, sequence: u64) -> HeaderMap {
    let position = Position::at(Point {
        topic: "ordering.order.events".to_owned(),
        identity: "0a1b2c3d".to_owned(),
        partition,
        sequence,
    });
    let mut headers = HeaderMap::new();
    headers.insert("factline-position", position.to_string().parse().unwrap());
    headers
}

/// Returns the two headers of a response.
fn parked(answer: &Answer) -> [Option<&str>; 2] {
    ["factline-parked-keys", "factline-parked-since"].map(|name| {
        let value = answer.headers.get(name)?;
        Some(value.to_str().unwrap())
    })
}

const SINCE: Option<&str> = Some("2026-03-01T12:00:00.250Z");

async fn set() -> Stage {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    for path in [
        FRESH,
        PARKED,
        UNBORN,
        "/orders?customer=ann",
        "/customers/ann/spending",
    ] {
        let answer = stage.get(path).await;
        assert_eq!(parked(&answer), [None, None], "{path}");
    }
    stage.sql(PARK).await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn item_says_that_it_is_parked() {
    let stage = set().await;
    let fresh = stage.get(FRESH).await;
    assert_eq!(fresh.status, StatusCode::OK);
    assert_eq!(parked(&fresh), [Some("2"), None]);
    let own = stage.get(PARKED).await;
    assert_eq!(own.status, StatusCode::OK);
    assert_eq!(parked(&own), [Some("2"), SINCE]);
    let unborn = stage.get(UNBORN).await;
    assert_eq!(unborn.status, StatusCode::NOT_FOUND);
    assert_eq!(parked(&unborn), [Some("2"), SINCE]);
    // The id in another form.
    let simple = format!("/orders/{}", PARKED[8..].replace('-', ""));
    assert_eq!(parked(&stage.get(&simple).await), [Some("2"), SINCE]);

    let mut known = HeaderMap::new();
    let tagged = stage.get(PARKED).await;
    known.insert("if-none-match", tagged.headers["etag"].clone());
    let unchanged = stage.get_with(PARKED, known).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert_eq!(parked(&unchanged), [Some("2"), SINCE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn item_is_refused_if_the_position_needs_a_parked_event() {
    let stage = set().await;
    for (path, position, status) in [
        // Before the parked event, at it, and in another partition.
        (PARKED, at(3, 4), StatusCode::OK),
        (PARKED, at(3, 5), StatusCode::SERVICE_UNAVAILABLE),
        (PARKED, at(3, 9), StatusCode::SERVICE_UNAVAILABLE),
        (PARKED, at(4, 9), StatusCode::OK),
        (FRESH, at(3, 9), StatusCode::OK),
        (UNBORN, at(4, 6), StatusCode::NOT_FOUND),
        (UNBORN, at(4, 7), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let answer = stage.get_with(path, position).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(parked(&answer)[0] == Some("2"), "{path}");
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let problem = &answer.body["type"];
            assert_eq!(problem, "https://factline.dev/problems/read-parked");
            assert_eq!(parked(&answer)[1], SINCE);
            assert!(answer.headers.contains_key("retry-after"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_says_how_many_keys_are_parked() {
    let stage = set().await;
    for (path, items) in [
        ("/orders?customer=ann", 2),
        ("/orders?customer=zoe", 0),
        ("/customers?currency=EUR", 1),
    ] {
        let answer = stage.get_with(path, at(3, 9)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert_eq!(parked(&answer), [Some("2"), None], "{path}");
        let found = answer.body["items"].as_array().unwrap();
        assert_eq!(found.len(), items, "{path}");
    }
    // By hand.
    let answer = stage.get("/customers/ann/spending").await;
    assert_eq!(parked(&answer), [Some("2"), None]);
    let answer = stage.get("/customers/zoe/spending").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(parked(&answer), [Some("2"), None]);
    // Another view has none.
    let answer = stage.get("/products").await;
    assert_eq!(parked(&answer), [None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn list_within_a_parked_item_is_refused_for_its_position() {
    let stage = set().await;
    let park = "insert into factline.checkpoint
        (view, version, topic, partition, topic_identity, next_offset, sequence)
    select name, version, 'catalog.product.events', 1, '0a1b2c3d', 9, 9
    from (values ('price-history', 1), ('price-history', 2)) as v (name, version);
    insert into factline.parked_key
        (view, version, topic, partition, key, record_offset, sequence, event_time, cause, records)
    select view, version, topic, partition, '00000000-0000-0000-0000-000000000007', 8, 5,
           timestamptz '2026-03-01T12:00:00.25Z', 'projection panicked', 1
    from factline.checkpoint where view = 'price-history'";
    stage.sql(park).await;
    let path = "/products/00000000-0000-0000-0000-000000000007/prices";
    let answer = stage.get(path).await;
    assert_eq!(parked(&answer), [Some("1"), SINCE]);
    let position = Position::at(Point {
        topic: "catalog.product.events".to_owned(),
        identity: "0a1b2c3d".to_owned(),
        partition: 1,
        sequence: 5,
    });
    let mut headers = HeaderMap::new();
    headers.insert("factline-position", position.to_string().parse().unwrap());
    let answer = stage.get_with(path, headers).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let other = stage.get(&path.replace("0007", "0008")).await;
    assert_eq!(parked(&other), [Some("1"), None]);
}

#[test]
fn headers_are_described() {
    let document: Value = factline_read::openapi(read_api::RESOURCES).unwrap();
    let read = &document["paths"]["/orders/{id}"]["get"]["responses"];
    for header in ["Factline-Parked-Keys", "Factline-Parked-Since"] {
        assert!(read["200"]["headers"].get(header).is_some(), "{read}");
        let header = &document["components"]["headers"][header];
        assert_eq!(header.get("required"), None, "{header}");
    }
    let late = document["components"].to_string();
    assert!(late.contains("problems/read-parked"), "{late}");
}
