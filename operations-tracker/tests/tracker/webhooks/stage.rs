//! Common parts of the tests of webhooks: options, requests and operations that end.

use std::time::Duration;

use factline_tracker::webhooks::Options;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::any_order::{updates, write};
use crate::system::{LONG, System};

use super::receiver::Receiver;

/// Returns options that permit the receivers of tests, with short times.
pub(crate) fn options() -> Options {
    Options {
        webhook_http: true,
        webhook_private_addresses: true,
        webhook_timeout: Duration::from_secs(2),
        webhook_retries: "0.1,0.2".parse().unwrap(),
        ..Options::default()
    }
}

/// Sends a request. Returns its status and body.
pub(crate) async fn send(method: &str, url: &str, body: Option<Value>) -> (u16, Value) {
    let method = method.parse().unwrap();
    let mut request = reqwest::Client::new().request(method, url);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

impl System {
    pub(crate) async fn post(&self, path: &str, body: Option<Value>) -> (u16, Value) {
        send("POST", &self.at(path), body).await
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        let (status, body) = send("GET", &self.at(path), None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Registers a webhook. Returns its id and its secret.
    pub(crate) async fn register(&self, receiver: &Receiver, more: &Value) -> (Uuid, String) {
        let mut body = json!({"url": receiver.url});
        let members = body.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let (status, body) = self.post("/webhooks", Some(body)).await;
        assert_eq!(status, 201, "{body}");
        assert_eq!(body["state"], "unverified");
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        (text("id").parse().unwrap(), text("secret"))
    }

    /// Challenges the receiver of a webhook.
    pub(crate) async fn enable(&self, id: Uuid) -> (u16, Value) {
        let enabling = async {
            loop {
                let (status, body) = self.post(&format!("/webhooks/{id}/enable"), None).await;
                if status != 429 {
                    return (status, body);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(LONG, enabling).await.unwrap()
    }

    /// Registers a webhook and makes it active.
    pub(crate) async fn active(&self, receiver: &Receiver) -> (Uuid, String) {
        let (id, secret) = self.register(receiver, &json!({})).await;
        let (status, body) = self.enable(id).await;
        assert_eq!((status, &body["state"]), (200, &json!("active")), "{body}");
        (id, secret)
    }

    /// Waits until the webhook or its deliveries are as expected. Returns the last representation.
    pub(crate) async fn until(&self, path: &str, expected: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waiting = async {
            loop {
                last = self.read(path).await;
                if expected(&last) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let is_done = tokio::time::timeout(LONG, waiting).await.is_ok();
        assert!(is_done, "{path}: {last:#}");
        last
    }
}

/// Ends an operation as completed, as a follower does.
pub(crate) async fn end(pool: &PgPool, number: u128) -> Uuid {
    end_of(pool, number, "anonymous").await
}

/// Ends an operation of a user.
pub(crate) async fn end_of(pool: &PgPool, number: u128, user: &str) -> Uuid {
    let id = Uuid::from_u128(number);
    let mut batch = updates(id)[0..3].to_vec();
    for update in &mut batch {
        user.clone_into(&mut update.user_id);
    }
    write(pool, batch).await;
    moved(pool).await;
    id
}

/// Notifies as a follower does when it moves its checkpoints.
pub(crate) async fn moved(pool: &PgPool) {
    sqlx::query("select pg_notify('factline_checkpoint', 'operations-tracker')")
        .execute(pool)
        .await
        .unwrap();
}

/// Notifies as an instance does that has changed webhooks or deliveries.
pub(crate) async fn changed(pool: &PgPool) {
    sqlx::query("select pg_notify('factline_checkpoint', 'operations-webhooks')")
        .execute(pool)
        .await
        .unwrap();
}
