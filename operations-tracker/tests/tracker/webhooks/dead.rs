//! Deliveries that fail for good: dead letters, and webhooks that are disabled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use uuid::Uuid;

use crate::system::System;

use super::receiver::{Receiver, status};
use super::stage::{end, options};

/// Starts a receiver that fails until it is told to work.
async fn failing(with: u16) -> (Receiver, Arc<AtomicBool>) {
    let works = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&works);
    let receiver = Receiver::answering(move |_, _| {
        status(if told.load(Ordering::Relaxed) {
            204
        } else {
            with
        })
    });
    (receiver.await, works)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_and_sent_again() {
    let system = System::with_webhooks(options()).await;
    let (receiver, works) = failing(500).await;
    let (webhook, _) = system.active(&receiver).await;
    for number in 1..=3 {
        end(&system.pool, number).await;
    }
    let path = format!("/webhooks/{webhook}/deliveries?state=dead");
    let is_dead =
        |number| move |page: &serde_json::Value| page["items"].as_array().unwrap().len() == number;
    let dead = system.until(&path, is_dead(3)).await;
    for letter in dead["items"].as_array().unwrap() {
        // The first attempt and two more.
        assert_eq!(
            (&letter["attempts"], &letter["status"]),
            (&json!(3), &json!(500))
        );
        assert!(letter["error"].as_str().unwrap().contains("500"));
        assert!(letter["next_at"].is_null() && letter["finished_at"].is_string());
    }
    let page = system.read(&format!("{path}&limit=2")).await;
    let next = page["next"].as_str().unwrap();
    let rest = system.read(&format!("{path}&limit=2&after={next}")).await;
    assert_eq!(rest["items"][0], dead["items"][2]);

    works.store(true, Ordering::Relaxed);
    let before = receiver.got().len();
    let letter = dead["items"][2]["id"].as_str().unwrap();
    let one = format!("/webhooks/{webhook}/deliveries/{letter}/redeliver");
    let (code, shown) = system.post(&one, None).await;
    assert_eq!((code, &shown["state"]), (200, &json!("pending")));
    let got = receiver.until(|got| got.len() > before).await;
    assert_eq!(got[before].id, letter);
    let path_of_delivered = format!("/webhooks/{webhook}/deliveries?state=delivered");
    let delivered = system.until(&path_of_delivered, is_dead(1)).await;
    assert_eq!(delivered["items"][0]["attempts"], 4);

    let all = format!("/webhooks/{webhook}/deliveries/redeliver");
    let (code, counted) = system.post(&all, None).await;
    assert_eq!(
        (code, counted),
        (200, json!({"count": 2, "redelivered": false}))
    );
    let (code, problem) = system.post(&all, Some(json!({"count": 3}))).await;
    assert_eq!((code, &problem["count"]), (409, &json!(2)));
    assert_eq!(
        system.read(&path).await["items"].as_array().unwrap().len(),
        2
    );
    let (code, done) = system.post(&all, Some(json!({"count": 2}))).await;
    assert_eq!(
        (code, done),
        (200, json!({"count": 2, "redelivered": true}))
    );
    system.until(&path_of_delivered, is_dead(3)).await;
    assert_eq!(receiver.got().len(), before + 3);

    let unknown = Uuid::from_u128(1);
    let path = format!("/webhooks/{webhook}/deliveries/{unknown}/redeliver");
    assert_eq!(system.post(&path, None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_is_gone_gets_nothing_until_it_is_enabled() {
    let system = System::with_webhooks(options()).await;
    let (receiver, works) = failing(410).await;
    let witness = Receiver::start().await;
    let (webhook, _) = system.active(&receiver).await;
    system.active(&witness).await;
    end(&system.pool, 1).await;
    let path = format!("/webhooks/{webhook}");
    let shown = system
        .until(&path, |shown| shown["state"] == "disabled")
        .await;
    assert_eq!(shown["reason"], "gone");
    assert!(shown["disabled_at"].is_string());
    let missed = end(&system.pool, 2).await.to_string();
    witness.until(|got| got.len() == 2).await;
    assert_eq!(receiver.got().len(), 1);
    works.store(true, Ordering::Relaxed);
    let (code, shown) = system.enable(webhook).await;
    assert_eq!(
        (code, &shown["state"], &shown["reason"]),
        (200, &json!("active"), &json!(null))
    );
    // What it has missed comes later. What it refused is dead.
    let got = receiver.until(|got| got.len() == 2).await;
    assert_eq!(got[1].operation(), missed);
    let dead = system.read(&format!("{path}/deliveries?state=dead")).await;
    assert_eq!(dead["items"][0]["status"], 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_that_fails_for_days_is_disabled() {
    let system = System::with_webhooks(options()).await;
    let (receiver, _) = failing(500).await;
    let (webhook, _) = system.active(&receiver).await;
    end(&system.pool, 1).await;
    let path = format!("/webhooks/{webhook}");
    let shown = system
        .until(&path, |shown| shown["failing_since"].is_string())
        .await;
    assert_eq!(shown["state"], "active");
    sqlx::query("update operations.webhook set failing_since = now() - interval '5 days'")
        .execute(&system.pool)
        .await
        .unwrap();
    end(&system.pool, 2).await;
    let shown = system
        .until(&path, |shown| shown["state"] == "disabled")
        .await;
    assert_eq!(shown["reason"], "failing");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_knows_that_the_feed_has_lost_events() {
    let system = System::with_webhooks(options()).await;
    let (receiver, works) = failing(410).await;
    let (webhook, _) = system.active(&receiver).await;
    end(&system.pool, 1).await;
    let path = format!("/webhooks/{webhook}");
    system
        .until(&path, |shown| shown["state"] == "disabled")
        .await;
    for number in 2..=4 {
        end(&system.pool, number).await;
    }
    sqlx::query(
        "delete from operations.feed where number < (select max(number) from operations.feed)",
    )
    .execute(&system.pool)
    .await
    .unwrap();
    works.store(true, Ordering::Relaxed);
    assert_eq!(system.enable(webhook).await.0, 200);
    let got = receiver.until(|got| got.len() == 2).await;
    assert_eq!(got[1].operation(), Uuid::from_u128(4).to_string());
    system
        .until(&path, |shown| shown["lost_before"].is_string())
        .await;
}
