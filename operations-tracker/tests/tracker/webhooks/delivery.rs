//! Events at a receiver: what they contain, which ones it gets, and attempts after a failure.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::any_order::{updates, write};
use crate::streams::Stream;
use crate::system::{LONG, System};

use super::receiver::{Answer, Receiver, status};
use super::stage::{end, end_of, moved, options};

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_sent_signed_and_once() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let (webhook, secret) = system.active(&receiver).await;
    let operation = end(&system.pool, 1).await;
    let got = receiver.until(|got| !got.is_empty()).await.remove(0);
    assert!(got.is_signed_by(&secret));
    assert_eq!(got.signatures.len(), 1);
    assert!((Utc::now().timestamp() - got.timestamp).abs() < 60);
    assert_eq!(got.event(), "operation_completed");
    let data = &got.body["data"];
    assert_eq!(data["id"], operation.to_string());
    assert_eq!(data["state"], "completed");
    assert_eq!(data["success"], true);
    assert_eq!(data["position"], "1abc");
    assert_eq!(got.body["timestamp"], data["at"]);
    let path = format!("/webhooks/{webhook}/deliveries");
    let page = system
        .until(&path, |page| page["items"][0]["state"] == "delivered")
        .await;
    let delivery = &page["items"][0];
    assert_eq!(delivery["id"], got.id);
    assert_eq!(
        (&delivery["status"], &delivery["attempts"]),
        (&json!(204), &json!(1))
    );
    assert_eq!(delivery["error"], Value::Null);
    // Pending and running are no ends, and the same record again is no change.
    write(&system.pool, updates(operation).to_vec()).await;
    end(&system.pool, 2).await;
    let got = receiver.until(|got| got.len() >= 2).await;
    let events: Vec<_> = got
        .iter()
        .map(|got| (got.event(), got.operation().to_owned()))
        .collect();
    let expected = [1, 2].map(|id| ("operation_completed", Uuid::from_u128(id).to_string()));
    assert_eq!(events, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_gets_the_events_and_the_user_that_it_wants() {
    let system = System::with_webhooks(options()).await;
    let (all, of_ada) = (Receiver::start().await, Receiver::start().await);
    let events =
        json!({"events": ["operation_running", "operation_completed", "operation_pending"]});
    let (every, _) = system.register(&all, &events).await;
    let wanted = json!({"events": ["operation_completed"], "user_id": "ada"});
    let (ada, _) = system.register(&of_ada, &wanted).await;
    for id in [every, ada] {
        assert_eq!(system.enable(id).await.0, 200);
    }
    for (number, user) in [(1, "eve"), (2, "ada"), (3, "eve"), (4, "ada")] {
        end_of(&system.pool, number, user).await;
    }
    let got = all.until(|got| got.len() >= 12).await;
    let different: HashSet<_> = got
        .iter()
        .map(|got| (got.event(), got.operation()))
        .collect();
    assert_eq!((got.len(), different.len()), (12, 12));
    let got = of_ada.until(|got| got.len() >= 2).await;
    assert_eq!(got.len(), 2);
    assert!(got.iter().all(|got| got.body["data"]["user_id"] == "ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_attempt_is_repeated_with_the_same_id_and_body() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::answering(|number, _| match number {
        0 => status(500),
        // Not followed.
        1 => Answer {
            headers: vec![("location", "/hook".to_owned())],
            ..status(307)
        },
        _ => status(200),
    })
    .await;
    let (webhook, secret) = system.active(&receiver).await;
    end(&system.pool, 1).await;
    let got = receiver.until(|got| got.len() >= 3).await;
    assert!(
        got.iter()
            .all(|one| one.id == got[0].id && one.text == got[0].text)
    );
    assert!(got.iter().all(|one| one.is_signed_by(&secret)));
    let path = format!("/webhooks/{webhook}/deliveries?state=delivered");
    let page = system
        .until(&path, |page| page["items"][0]["attempts"] == 3)
        .await;
    assert_eq!(page["items"][0]["status"], 200);
    system
        .until(&format!("/webhooks/{webhook}"), |shown| {
            shown["failing_since"].is_null()
        })
        .await;
    assert_eq!(receiver.got().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured_for_all_events_up_to_the_longest_wait() {
    let mut options = options();
    options.webhook_retries = "0,1.5".parse().unwrap();
    let system = System::with_webhooks(options).await;
    let times = Arc::new(Mutex::new(Vec::new()));
    let at = Arc::clone(&times);
    let receiver = Receiver::answering(move |number, _| {
        at.lock().unwrap().push(Instant::now());
        match number {
            0 => Answer {
                headers: vec![("retry-after", "86400".to_owned())],
                ..status(503)
            },
            _ => status(200),
        }
    })
    .await;
    let (webhook, _) = system.active(&receiver).await;
    end(&system.pool, 1).await;
    let path = format!("/webhooks/{webhook}/deliveries");
    let is_failed = |page: &Value| page["items"][0]["status"] == 503;
    system.until(&path, is_failed).await;
    // The receiver is overloaded, so another event waits as well.
    end(&system.pool, 2).await;
    receiver.until(|got| got.len() == 3).await;
    let times = times.lock().unwrap();
    let waits = times[1..]
        .iter()
        .map(|time| (*time - times[0]).as_secs_f64());
    let waits: Vec<f64> = waits.collect();
    assert!(
        waits.iter().all(|wait| (1.4..5.0).contains(wait)),
        "{waits:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_sign_for_a_day_after_a_rotation() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let (webhook, old) = system.active(&receiver).await;
    let (status, rotated) = system
        .post(&format!("/webhooks/{webhook}/secret"), None)
        .await;
    assert_eq!(status, 200);
    let new = rotated["secret"].as_str().unwrap();
    let until = rotated["old_secret_until"].as_str().unwrap();
    let hours =
        (until.parse::<chrono::DateTime<Utc>>().unwrap() - Utc::now()).as_seconds_f64() / 3600.0;
    assert!((23.9..24.1).contains(&hours), "{hours}");
    end(&system.pool, 1).await;
    let got = receiver.until(|got| got.len() == 1).await;
    assert_eq!(got[0].signatures.len(), 2);
    assert!(got[0].is_signed_by(new) && got[0].is_signed_by(&old));
    sqlx::query("update operations.webhook set old_secret_until = now()")
        .execute(&system.pool)
        .await
        .unwrap();
    end(&system.pool, 2).await;
    let got = receiver.until(|got| got.len() == 2).await;
    assert!(got[1].is_signed_by(new) && !got[1].is_signed_by(&old));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_receiver_does_not_hold_up_another() {
    let mut options = options();
    options.webhook_timeout = LONG;
    let system = System::with_webhooks(options).await;
    let slow = Receiver::answering(|_, _| Answer {
        delay: LONG,
        ..status(204)
    })
    .await;
    let fast = Receiver::start().await;
    system.active(&slow).await;
    system.active(&fast).await;
    for number in 1..=50 {
        end(&system.pool, number).await;
    }
    fast.until(|got| got.len() == 50).await;
    // As many as one webhook may have under way.
    assert_eq!(slow.got().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_survives_a_restart() {
    let end_of_first = CancellationToken::new();
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let (webhook, secret) = system.active(&receiver).await;
    system.stop();
    // An operation that ends while no instance runs.
    end(&system.pool, 1).await;
    let url = system.instance(options(), &end_of_first).await;
    let got = receiver.until(|got| !got.is_empty()).await;
    assert!(got[0].is_signed_by(&secret));
    let path = format!("{url}/webhooks/{webhook}");
    let (status, shown) = super::stage::send("GET", &path, None).await;
    assert_eq!((status, &shown["state"]), (200, &json!("active")));
    end_of_first.cancel();
}

/// The lock makes each statement about webhooks wait, and shows it.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_webhook_the_feed_costs_no_statement() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let (id, _) = system.active(&receiver).await;
    end(&system.pool, 1).await;
    receiver.until(|got| got.len() == 1).await;
    system.delete(&format!("/webhooks/{id}")).await;
    sqlx::query("delete from operations.webhook_delivery")
        .execute(&system.pool)
        .await
        .unwrap();
    sqlx::query("delete from operations.webhook")
        .execute(&system.pool)
        .await
        .unwrap();
    // It learns that there is none.
    sqlx::query("select pg_notify('factline_checkpoint', 'operations-webhooks')")
        .execute(&system.pool)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut stream = Stream::open(&system.at("/operations/events"), None).await;
    stream.placed().await;
    let mut locked = system.pool.begin().await.unwrap();
    sqlx::query(
        "lock table operations.webhook, operations.webhook_delivery in access exclusive mode",
    )
    .execute(&mut *locked)
    .await
    .unwrap();
    for number in 2..=20 {
        write(
            &system.pool,
            updates(Uuid::from_u128(number))[0..1].to_vec(),
        )
        .await;
        moved(&system.pool).await;
        stream.next().await.unwrap();
    }
    let waiting: i64 = sqlx::query_scalar(
        "select count(*) from pg_locks where not granted \
           and relation in ('operations.webhook'::regclass, 'operations.webhook_delivery'::regclass)",
    )
    .fetch_one(&mut *locked)
    .await
    .unwrap();
    assert_eq!(waiting, 0);
}

/// Without the feed, no deliveries can be written.
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_sent_while_others_cannot_be_written() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let (webhook, _) = system.active(&receiver).await;
    end(&system.pool, 1).await;
    let path = format!("/webhooks/{webhook}/deliveries");
    let page = system
        .until(&path, |page| page["items"][0]["state"] == "delivered")
        .await;
    let rename = async |statement: &'static str| {
        sqlx::query(statement).execute(&system.pool).await.unwrap();
    };
    rename("alter table operations.feed rename to feed_away").await;
    let delivery = page["items"][0]["id"].as_str().unwrap();
    let (code, _) = system
        .post(&format!("{path}/{delivery}/redeliver"), None)
        .await;
    assert_eq!(code, 200);
    let got = receiver.until(|got| got.len() == 2).await;
    assert_eq!(got[1].id, delivery);
    rename("alter table operations.feed_away rename to feed").await;
    let operation = end(&system.pool, 2).await;
    let got = receiver.until(|got| got.len() == 3).await;
    assert_eq!(got[2].operation(), operation.to_string());
}
