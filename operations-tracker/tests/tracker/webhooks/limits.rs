//! Deliveries that have ended are deleted, those of a webhook that was deleted, and webhooks that
//! were never enabled.

use factline_tracker::webhooks::Options;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::system::{LONG, System};

use super::receiver::Receiver;
use super::stage::{end, options};

/// Returns the operations that have deliveries.
async fn kept(pool: &PgPool) -> Vec<Uuid> {
    sqlx::query_scalar("select operation_id from operations.webhook_delivery order by 1")
        .fetch_all(pool)
        .await
        .unwrap()
}

async fn until_kept(pool: &PgPool, expected: &[u128]) {
    let expected: Vec<Uuid> = expected.iter().copied().map(Uuid::from_u128).collect();
    let waiting = async {
        while kept(pool).await != expected {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let is_done = tokio::time::timeout(LONG, waiting).await.is_ok();
    assert!(is_done, "{:?}", kept(pool).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_deleted_after_their_retention() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let (webhook, _) = system.active(&receiver).await;
    for number in 1..=5 {
        end(&system.pool, number).await;
    }
    let path = format!("/webhooks/{webhook}/deliveries?state=delivered");
    system
        .until(&path, |page| page["items"].as_array().unwrap().len() == 5)
        .await;
    system.stop();
    for (number, state, days) in [
        (1, "delivered", 2),
        (2, "dead", 2),
        (3, "dead", 31),
        (4, "pending", 31),
        (5, "delivered", 0),
    ] {
        sqlx::query(
            "update operations.webhook_delivery set state = $2, \
             created_at = now() - make_interval(days => $3), \
             finished_at = now() - make_interval(days => $3) where operation_id = $1",
        )
        .bind(Uuid::from_u128(number))
        .bind(state)
        .bind(days)
        .execute(&system.pool)
        .await
        .unwrap();
    }
    let one = restart(&system, options()).await;
    until_kept(&system.pool, &[2, 5]).await;
    one.cancel();

    sqlx::query("update operations.webhook set state = 'deleted'")
        .execute(&system.pool)
        .await
        .unwrap();
    let other = restart(&system, options()).await;
    until_kept(&system.pool, &[]).await;
    let waiting = async {
        let count = "select count(*) from operations.webhook";
        while sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&system.pool)
            .await
            .unwrap()
            > 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap();
    other.cancel();
}

/// A round ends before all are deleted, and the next one follows soon.
#[tokio::test(flavor = "multi_thread")]
async fn many_deliveries_are_deleted_in_several_rounds() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let (webhook, _) = system.register(&receiver, &json!({})).await;
    system.stop();
    sqlx::query(
        "insert into operations.webhook_delivery (id, webhook_id, number, rank, operation_id, \
             event, at, body, state, finished_at) \
         select gen_random_uuid(), $1, number, 2, gen_random_uuid(), 'operation_completed', now(), \
             '{}', 'delivered', now() - interval '2 days' \
         from generate_series(1, 5500) as number",
    )
    .bind(webhook)
    .execute(&system.pool)
    .await
    .unwrap();
    let one = restart(&system, options()).await;
    until_kept(&system.pool, &[]).await;
    one.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_that_is_not_enabled_for_a_day_is_deleted() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    sqlx::query(
        "insert into operations.webhook (id, url, events, state, secret, created_at) \
         select gen_random_uuid(), 'http://127.0.0.1:9', '{operation_completed}', state, '\\x00', \
             now() - interval '25 hours' from unnest(array['unverified', 'disabled']) as state",
    )
    .execute(&system.pool)
    .await
    .unwrap();
    // The registration makes the instance read the webhooks.
    system.register(&receiver, &json!({})).await;
    let listed = system
        .until("/webhooks", |page| {
            page["items"].as_array().unwrap().len() == 2
        })
        .await;
    let states = [&listed["items"][0]["state"], &listed["items"][1]["state"]];
    assert_eq!(states, ["unverified", "disabled"]);
}

/// Starts an instance, which begins with a round of deletions.
async fn restart(system: &System, options: Options) -> CancellationToken {
    let end = CancellationToken::new();
    system.instance(options, &end).await;
    end
}
