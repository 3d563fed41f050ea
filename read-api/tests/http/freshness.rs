//! Reads with a position: they wait, or report that they could not wait long enough.

use std::time::{Duration, Instant};

use factline::{Point, Position};
use factline_postgres::ConsistentReads;
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, ask, serve_from};

const PATH: &str = "/orders/00000000-0000-0000-0000-000000000001";

/// The view has applied 5 events of partition 3.
const AT_FIVE: &str = "insert into factline.checkpoint
    (view, version, topic, partition, topic_identity, next_offset, sequence)
select 'orders', 2, 'ordering.order.events', partition, '0a1b2c3d', 9, 5 from generate_series(0, 7) as partition";

/// The host's next transaction: the sixth event is the first of an order.
const SIXTH: &str = "begin;
insert into orders
    (order_id, customer_id, state, lines, units, total_amount, currency, ordered_on, ordered_at, updated_at, version)
values ('00000000-0000-0000-0000-000000000001', 'ann', 'placed', '[]', 1, 1, 'EUR', now(), now(), now(), 1);
update factline.checkpoint set sequence = 6 where partition = 3;
select pg_notify('factline_checkpoint', 'orders');
commit";

fn position(topic: &str, identity: &str, sequence: u64) -> HeaderMap {
    let position = Position::at(Point {
        topic: topic.to_owned(),
        identity: identity.to_owned(),
        partition: 3,
        sequence,
    });
    let mut headers = HeaderMap::new();
    headers.insert("factline-position", position.to_string().parse().unwrap());
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn read_waits_for_its_position() {
    let stage = Stage::set().await;
    stage.sql(AT_FIVE).await;
    let read = stage.get_with(PATH, position("ordering.order.events", "0a1b2c3d", 6));
    let write = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stage.sql(SIXTH).await;
    };
    let (answer, ()) = tokio::join!(read, write);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_does_not_wait_for_a_position_already_reached() {
    let stage = Stage::set().await;
    stage.sql(AT_FIVE).await;
    for headers in [
        position("ordering.order.events", "0a1b2c3d", 5),
        position("payment.charge.events", "ffffffff", 99),
    ] {
        let begun = Instant::now();
        let answer = stage.get_with(PATH, headers).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.body);
        assert!(begun.elapsed() < Duration::from_millis(400));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_refused_while_too_many_wait() {
    let stage = Stage::set().await;
    stage.sql(AT_FIVE).await;
    let (pool, patience) = (stage.reader.clone(), Duration::from_mins(1));
    let snapshots = ConsistentReads::new(pool, patience, CancellationToken::new());
    let origin = serve_from(snapshots.max_waiting(0)).await;
    let read = async |sequence| {
        let headers = position("ordering.order.events", "0a1b2c3d", sequence);
        ask(&Client::new(), &origin, "/orders", headers).await
    };
    let refused = read(6).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        refused.body["type"],
        "https://factline.dev/problems/unavailable"
    );
    assert_eq!(refused.headers["retry-after"], "1");
    // A read whose position is reached does not wait.
    assert_eq!(read(5).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_of_a_lagging_view_times_out_with_a_problem() {
    let stage = Stage::set().await;
    let ahead = position("ordering.order.events", "0a1b2c3d", 6);
    // At first there is no checkpoint: a view that was never filled has passed nothing.
    for _ in 0..2 {
        let answer = stage.get_with("/orders", ahead.clone()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            answer.body["type"],
            "https://factline.dev/problems/read-behind"
        );
        assert_eq!(answer.headers["retry-after"], "1");
        stage.sql("delete from factline.checkpoint").await;
        stage.sql(AT_FIVE).await;
    }
    // The other view has no checkpoints yet.
    let answer = stage.get_with("/customers/ann/spending", ahead).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_positions_are_refused() {
    let stage = Stage::set().await;
    stage.sql(AT_FIVE).await;
    let other = stage
        .get_with(PATH, position("ordering.order.events", "ffffffff", 1))
        .await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(
        other.body["type"],
        "https://factline.dev/problems/position-of-another-topic"
    );
    let mut headers = HeaderMap::new();
    headers.insert("factline-position", "newest".parse().unwrap());
    let malformed = stage.get_with(PATH, headers).await;
    assert_eq!(malformed.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        malformed.body["errors"][0]["parameter"],
        "Factline-Position"
    );
}
