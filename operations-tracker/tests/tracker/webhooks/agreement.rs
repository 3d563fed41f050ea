//! Registration, the challenge, and the addresses that are refused.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::system::System;

use super::receiver::{Answer, Receiver, status};
use super::stage::{end, options, send};

#[tokio::test(flavor = "multi_thread")]
async fn receiver_gets_nothing_until_it_has_answered_the_challenge() {
    let system = System::with_webhooks(options()).await;
    let ways: [fn(&Value) -> Answer; 4] = [
        |_| status(500),
        |_| status(204),
        // A server that sends back what it gets.
        |body| Answer {
            status: 200,
            body: body.to_string(),
            ..Answer::default()
        },
        |body| Answer {
            status: 302,
            body: body["data"]["token"].as_str().unwrap().to_owned(),
            headers: vec![("location", "/hook".to_owned())],
            ..Answer::default()
        },
    ];
    let witness = Receiver::start().await;
    system.active(&witness).await;
    for (number, way) in ways.into_iter().enumerate() {
        let receiver = Receiver::with(|_, _| status(204), move |got| way(&got.body)).await;
        let (id, secret) = system.register(&receiver, &json!({})).await;
        let (code, problem) = system.enable(id).await;
        assert_eq!(code, 409, "{number}: {problem}");
        assert!(
            problem["type"]
                .as_str()
                .unwrap()
                .ends_with("/challenge-failed")
        );
        let challenges = receiver.challenges();
        assert_eq!(challenges.len(), 1);
        assert!(challenges[0].is_signed_by(&secret));
        assert_eq!(challenges[0].body["data"]["webhook_id"], id.to_string());
        let shown = system.read(&format!("/webhooks/{id}")).await;
        assert_eq!(shown["state"], "unverified");
        let operation = end(&system.pool, number as u128 + 1).await.to_string();
        witness
            .until(|got| got.iter().any(|got| got.operation() == operation))
            .await;
        assert!(receiver.got().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_registered_listed_and_deleted() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let mut ids = Vec::new();
    for user in ["ada", "eve", "ada"] {
        let (id, secret) = system.register(&receiver, &json!({"user_id": user})).await;
        assert!(secret.starts_with("whsec_"));
        ids.push(id.to_string());
    }
    let page = system.read("/webhooks?limit=2").await;
    let next = page["next"].as_str().unwrap();
    let rest = system
        .read(&format!("/webhooks?limit=2&after={next}"))
        .await;
    assert_eq!(rest["next"], Value::Null);
    let listed = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = [listed(&page), listed(&rest)].concat();
    assert_eq!(all, ids.iter().rev().cloned().collect::<Vec<_>>());
    // The secret is in the response to the registration only.
    assert!(!format!("{page}{rest}").contains("whsec_"));
    let of_ada = system.read("/webhooks?user_id=ada&state=unverified").await;
    assert_eq!(listed(&of_ada), [ids[2].clone(), ids[0].clone()]);
    let path = format!("/webhooks/{}", ids[1]);
    assert_eq!(system.delete(&path).await.status(), 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(
            send(method, &system.at(&path), None).await.0,
            404,
            "{method}"
        );
    }
    for path in ["enable", "secret", "deliveries/redeliver"] {
        let path = format!("/webhooks/{}/{path}", ids[1]);
        assert_eq!(system.post(&path, None).await.0, 404, "{path}");
    }
    assert_eq!(listed(&system.read("/webhooks").await).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_refused_by_name() {
    let system = System::with_webhooks(options()).await;
    for (body, pointer) in [
        (json!({}), "/url"),
        (json!({"url": "https://"}), "/url"),
        (
            json!({"url": "https://example.com", "events": ["paid"]}),
            "/events/0",
        ),
        (
            json!({"url": "https://example.com", "secret": "x"}),
            "/secret",
        ),
    ] {
        let (status, problem) = system.post("/webhooks", Some(body)).await;
        assert_eq!(status, 400, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let client = reqwest::Client::new();
    let post = |kind: &'static str, body: String| {
        let request = client.post(system.at("/webhooks")).body(body);
        let request = request.header("content-type", kind);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(post("text/plain", "{}".to_owned()).await, 415);
    assert_eq!(post("application/json", "[]".to_owned()).await, 400);
    assert_eq!(post("application/json", "{".to_owned()).await, 400);
    assert_eq!(post("application/json", " ".repeat(20_000)).await, 413);
    for path in [
        "/webhooks?state=on",
        "/webhooks?limit=0",
        "/webhooks?after=x",
        "/webhooks/1",
    ] {
        assert_eq!(system.get(path).await.status(), 400, "{path}");
    }
    let unknown = Uuid::from_u128(1);
    assert_eq!(
        system.get(&format!("/webhooks/{unknown}")).await.status(),
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_at_most_as_many_webhooks_as_permitted() {
    let mut options = options();
    options.webhook_max = 2;
    let system = System::with_webhooks(options).await;
    let receiver = Receiver::start().await;
    let (first, _) = system.register(&receiver, &json!({})).await;
    system.register(&receiver, &json!({})).await;
    let body = json!({"url": receiver.url});
    let (status, problem) = system.post("/webhooks", Some(body)).await;
    assert_eq!(status, 409, "{problem}");
    system.delete(&format!("/webhooks/{first}")).await;
    system.register(&receiver, &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_public_are_refused_at_the_registration() {
    let mut options = options();
    options.webhook_private_addresses = false;
    let system = System::with_webhooks(options).await;
    for url in [
        "http://127.0.0.1:9/hook",
        "http://localhost:9/hook",
        "http://[::1]/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://0x7f000001/hook",
    ] {
        let (status, problem) = system.post("/webhooks", Some(json!({"url": url}))).await;
        assert_eq!(status, 400, "{url}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("public address"), "{url}: {detail}");
    }
}

/// The name and the literal were registered while the option permitted them: as if a name had
/// changed its address since.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_public_are_refused_at_each_attempt() {
    let mut strict = options();
    strict.webhook_private_addresses = false;
    strict.webhook_retries = "0.05".parse().unwrap();
    let system = System::with_webhooks(strict).await;
    let receiver = Receiver::start().await;
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    let mut ids = Vec::new();
    for url in [&receiver.url, &by_name] {
        let id = Uuid::now_v7();
        ids.push(id);
        sqlx::query(
            "insert into operations.webhook (id, url, events, state, secret) \
             values ($1, $2, '{operation_completed}', 'unverified', '\\x00')",
        )
        .bind(id)
        .bind(url)
        .execute(&system.pool)
        .await
        .unwrap();
        let (status, problem) = system.enable(id).await;
        assert_eq!(status, 409, "{url}: {problem}");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("public address"),
            "{problem}"
        );
    }
    sqlx::query("update operations.webhook set state = 'active'")
        .execute(&system.pool)
        .await
        .unwrap();
    sqlx::query("select pg_notify('factline_checkpoint', 'operations-webhooks')")
        .execute(&system.pool)
        .await
        .unwrap();
    end(&system.pool, 1).await;
    for id in ids {
        let path = format!("/webhooks/{id}/deliveries?state=dead");
        let dead = system
            .until(&path, |page| page["items"][0]["attempts"] == 2)
            .await;
        let error = dead["items"][0]["error"].as_str().unwrap();
        assert!(error.contains("public address"), "{error}");
        assert_eq!(dead["items"][0]["status"], Value::Null);
    }
    assert!(receiver.got().is_empty() && receiver.challenges().is_empty());
}
