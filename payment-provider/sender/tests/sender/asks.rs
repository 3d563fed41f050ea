//! Whatever the provider does, each charge and refund is requested with one key until it is
//! answered, and refusals are reported to the store.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::outside::Call;
use crate::stage::{Stage, eventually};

/// Returns the keys of the requests of a payment, in order.
fn keys(calls: &[Call], payment: Uuid) -> Vec<&str> {
    let payment = payment.to_string();
    let of_it = |call: &&Call| call.body["payment_id"] == payment.as_str();
    calls
        .iter()
        .filter(of_it)
        .map(|call| call.key.as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_provider_receives_all_requests_when_it_returns() {
    let mut stage = Stage::set("away").await;
    let sender = stage.start().await;
    let mut payments = BTreeMap::new();
    stage.provider_door.shut().await;
    for _ in 0..20 {
        let payment = Uuid::new_v4();
        let charge = stage.wanted(payment).await;
        let refund = stage.unwanted(payment).await;
        payments.insert(payment, [charge, refund].map(|key| key.to_string()));
    }
    sender.until_unready().await;
    // The provider stays unavailable during a restart of the sender, too.
    drop(sender);
    stage.provider_door.open_again().await;
    let sender = stage.start().await;
    let asked = async || {
        let calls = stage.provider.calls();
        payments
            .keys()
            .all(|payment| keys(&calls, *payment).len() == 2)
    };
    eventually("everything is requested", asked).await;
    sender.until_ready().await;
    // Everything is requested once, because no request succeeded before; the requests of one
    // payment are in order.
    for (payment, expected) in &payments {
        assert_eq!(keys(&stage.provider.calls(), *payment), expected);
    }
    let last = stage.wanted(Uuid::new_v4()).await.to_string();
    eventually("later events are requested", async || {
        stage.provider.calls().iter().any(|call| call.key == last)
    })
    .await;
    assert_eq!(stage.provider.calls().len(), 41);
    assert_eq!(stage.store.calls(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_request_is_retried_with_the_same_key() {
    let stage = Stage::set("fails").await;
    let sender = stage.start().await;
    let payment = Uuid::new_v4();
    let failures = [500, 503, 404, 401, 429].map(|status| (status, Value::Null));
    stage.provider.answers(&payment.to_string(), &failures);
    let key = stage.wanted(payment).await.to_string();
    eventually("the request is retried until it is answered", async || {
        stage.provider.calls().len() == failures.len() + 1
    })
    .await;
    assert_eq!(keys(&stage.provider.calls(), payment), [key.as_str(); 6]);
    sender.until_ready().await;
    assert_eq!(stage.store.calls(), [], "none of this is a refusal");

    // The same event once more, which a command handler would never write. It is requested again,
    // and the provider recognizes the key.
    assert_eq!(stage.wanted(payment).await.to_string(), key);
    eventually("the duplicate is requested", async || {
        keys(&stage.provider.calls(), payment).len() == 7
    })
    .await;
    assert_eq!(keys(&stage.provider.calls(), payment)[6], key);
}

/// The provider answers for all payments but one, which is parked with its later events.
#[tokio::test(flavor = "multi_thread")]
async fn payment_for_which_the_provider_fails_delays_no_other() {
    let stage = Stage::set("odd").await;
    let sender = stage.start().await;
    let odd = Uuid::new_v4();
    let failures = vec![(500, Value::Null); 1000];
    stage.provider.answers(&odd.to_string(), &failures);
    stage.wanted(odd).await;
    let mut others = Vec::new();
    eventually("the odd payment is parked", async || {
        // Requests of other payments succeed meanwhile.
        others.push(stage.wanted(Uuid::new_v4()).await.to_string());
        let parked = sender.metric("factline_reaction_parked_keys", &[]).await;
        parked.is_some_and(|keys| keys == "1")
    })
    .await;
    stage.unwanted(odd).await;
    let last = stage.wanted(Uuid::new_v4()).await.to_string();
    others.push(last);
    eventually("all others are requested", async || {
        let calls = stage.provider.calls();
        others
            .iter()
            .all(|key| calls.iter().any(|call| call.key == *key))
    })
    .await;
    sender.until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_is_reported_to_the_store_and_the_rest_continues() {
    let stage = Stage::set("refuses").await;
    let sender = stage.start().await;
    let (declined, owed, strange) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let stolen = json!({"code": "card_stolen", "detail": "call the police"});
    let closed = json!({"code": "card_closed", "detail": "the account is closed"});
    stage
        .provider
        .answers(&declined.to_string(), &[(422, stolen)]);
    stage.provider.answers(&owed.to_string(), &[(422, closed)]);
    stage
        .provider
        .answers(&strange.to_string(), &[(400, json!("no"))]);
    // The store is unavailable at first: the report is retried until it is accepted.
    stage
        .store
        .answers(&owed.to_string(), &[(503, Value::Null)]);
    let mut expected = BTreeMap::new();
    expected.insert(
        stage.wanted(declined).await.to_string(),
        (
            format!("/payments/{declined}/declined"),
            json!({"code": "card_stolen"}),
        ),
    );
    expected.insert(stage.unwanted(owed).await.to_string(), (
        format!("/payments/{owed}/refund-refused"),
        json!({"provider_reference": "ch_1", "code": "card_closed", "reason": "the account is closed"}),
    ));
    expected.insert(
        stage.unwanted(strange).await.to_string(),
        (
            format!("/payments/{strange}/refund-refused"),
            json!({"provider_reference": "ch_1", "code": "refused_by_provider", "reason": ""}),
        ),
    );
    let reports = || -> BTreeMap<String, (String, Value)> {
        let calls = stage.store.calls().into_iter();
        calls
            .map(|call| (call.key, (call.path, call.body)))
            .collect()
    };
    eventually("the refusals are reported to the store", async || {
        stage.store.calls().len() >= 4 && reports().len() == 3
    })
    .await;
    assert_eq!(reports(), expected);
    // One in each partition, including those of the refused requests.
    let mut later = Vec::new();
    for _ in 0..32 {
        later.push(stage.wanted(Uuid::new_v4()).await.to_string());
    }
    eventually("all partitions continue", async || {
        let calls = stage.provider.calls();
        later
            .iter()
            .all(|key| calls.iter().any(|call| call.key == *key))
    })
    .await;
    sender.until_ready().await;
    let stopped = sender.metric("factline_reaction_partitions_stopped", &[]);
    assert!(stopped.await.is_none_or(|stopped| stopped == "0"));
    let labels = [r#"kind="refunds""#, r#"result="refused""#];
    let refused = sender.metric("factline_provider_requests_total", &labels);
    assert!(refused.await.unwrap().parse::<u32>().unwrap() >= 2);
}
