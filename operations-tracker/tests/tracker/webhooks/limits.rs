//! Deliveries that have ended are deleted, and those of a webhook that was deleted.

use factline_tracker::webhooks::Options;
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

/// Starts an instance, which begins with a round of deletions.
async fn restart(system: &System, options: Options) -> CancellationToken {
    let end = CancellationToken::new();
    system.instance(options, &end).await;
    end
}
