//! The life of a product: created, renamed, repriced, discontinued. Checks each command's status
//! and the views.

use harness::{Log, System};
use serde_json::{Value, json};

use crate::client::{Client, Ended};

fn price(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

fn says(ended: &Ended, state: &str, version: i64) {
    let operation = &ended.operation;
    assert_eq!(
        (&operation["state"], &operation["version"]),
        (&json!(state), &json!(version)),
        "{operation}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn product_passes_through_its_life() {
    let system = System::start("product").await.unwrap();
    let store = Client::of(&system);

    let tea = json!({"name": "Green Tea", "brand": "Acme", "price": price(450)});
    let created = store.complete("/products", &tea).await;
    says(&created, "completed", 1);
    assert_eq!(created.operation["name"], "catalog.CreateProduct");
    assert_eq!(created.operation["resource"], created.resource.as_str());
    let path = format!("/{}", created.resource);
    let product = store.read(&path, &created).await;
    assert_eq!(
        (&product["name"], &product["state"], &product["price"]),
        (&json!("Green Tea"), &json!("offered"), &price(450))
    );

    // A `PUT` of the current value changes nothing, however often.
    let name = json!({"name": "Sencha"});
    for _ in 0..2 {
        says(
            &store.put(&format!("{path}/name"), &name).await,
            "completed",
            2,
        );
    }
    let cheaper = json!({"price": price(399)});
    for _ in 0..2 {
        says(
            &store.put(&format!("{path}/price"), &cheaper).await,
            "completed",
            3,
        );
    }
    // A late retry of the creation has no effect; a different product with the same id is refused.
    let id = created.resource.rsplit('/').next().unwrap();
    let mut again = tea.clone();
    again["product_id"] = json!(id);
    says(&store.complete("/products", &again).await, "completed", 3);
    again["brand"] = json!("Bolt");
    let refused = store.complete("/products", &again).await;
    assert_eq!(refused.operation["code"], "product_exists");
    for (field, body, code) in [
        ("name", json!({"name": " "}), "blank"),
        ("price", json!({"price": price(-1)}), "negative_amount"),
    ] {
        let refused = store.put(&format!("{path}/{field}"), &body).await;
        says(&refused, "rejected", 3);
        assert_eq!(refused.operation["code"], code);
    }

    let other = json!({"name": "senna leaves", "brand": "Bolt", "price": price(0)});
    let other = store.complete("/products", &other).await;
    let found = store.read("/products?q=SEN", &other).await;
    let names: Vec<_> = found["items"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2, "{found}");
    let found = store.read("/products?q=sen&brand=Acme", &other).await;
    assert_eq!(found["items"][0]["name"], "Sencha");
    assert_eq!(found["items"].as_array().unwrap().len(), 1);

    let ended = store
        .complete(&format!("{path}/discontinue"), &json!({}))
        .await;
    says(&ended, "completed", 4);
    assert_eq!(store.read(&path, &ended).await["state"], "discontinued");
    let late = store
        .put(&format!("{path}/price"), &json!({"price": price(1)}))
        .await;
    assert_eq!(late.operation["code"], "product_discontinued");
    let prices = store.read(&format!("{path}/prices"), &ended).await;
    let amounts: Vec<_> = prices["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|price| (&price["price"]["amount"], &price["version"]))
        .collect();
    assert_eq!(
        amounts,
        [(&json!(399), &json!(3)), (&json!(450), &json!(1))]
    );

    let history = Log::of(&system, &catalog_schemas::PRODUCT)
        .check()
        .await
        .unwrap();
    assert_eq!((history.commands.len(), history.events.len()), (12, 5));
}
