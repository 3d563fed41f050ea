//! The deadlines that are set.

use checkout::Checkout;
use checkout_schemas::checkout::{Command, Type};
use checkout_schemas::{BeginCheckout, Line, Money};
use factline::{AggregateType as _, Envelope, Messages as _};
use factline_testkit::{CommandTopic, found};
use serde_json::json;
use uuid::Uuid;

use crate::stage::Stage;

fn begin(checkout_id: Uuid, payment_seconds: i32) -> Command {
    let unit_price = Money {
        amount: 500,
        currency: "USD".to_owned(),
    };
    let line = Line {
        product_id: "tea".to_owned(),
        name: "Tea".to_owned(),
        unit_price,
        quantity: 1,
    };
    BeginCheckout {
        checkout_id,
        customer_id: "eve".to_owned(),
        lines: vec![line],
        method: "card-ok".to_owned(),
        payment_seconds,
    }
    .into()
}

/// No policy runs, so the checkouts wait for their orders until their deadlines.
#[tokio::test(flavor = "multi_thread")]
async fn deadlines_of_workflows_are_listed() {
    let stage = Stage::with_topics("deadlines").await;
    let none = stage.run(&["deadlines"]).await;
    assert!(none.success && none.out.starts_with("DUE"), "{none:?}");
    let handler = stage.handle_of::<Checkout>();
    let commands = CommandTopic::register(&stage.fixture.kafka, Type::CONTRACT).await;
    let checkouts = [Uuid::now_v7(), Uuid::now_v7()];
    for checkout in checkouts {
        let (command, subject) = (begin(checkout, 60), checkout.to_string());
        let now = chrono::Utc::now();
        let operation = Uuid::now_v7();
        let envelope = Envelope::of_command(operation, command.record(), "/foreign", &subject, now);
        commands
            .send(&stage.fixture.producer, &envelope, &command)
            .await;
    }
    let listed = found("two deadlines", async || {
        let listed = stage.json(&["deadlines", "checkout.checkout"]).await;
        (listed.len() == 2).then_some(listed)
    })
    .await;
    let mut ids: Vec<&str> = Vec::new();
    for deadline in &listed {
        assert_eq!(deadline["aggregate"], "checkout.checkout");
        assert_eq!(deadline["command"], "checkout.ExpireCheckout");
        assert_eq!(deadline["overdue"], false);
        assert_eq!(deadline["set_by_version"], 1);
        ids.push(deadline["id"].as_str().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(json!(ids), json!(checkouts));
    let [first, second] = [0, 1].map(|number: usize| listed[number]["due"].as_str());
    assert!(first <= second, "{listed:?}");

    let one = stage.run(&["deadlines", "--limit", "1"]).await;
    assert_eq!(one.out.lines().count(), 2, "{one:?}");
    assert!(one.err.contains("1 of 2 deadlines are shown"), "{one:?}");
    let unknown = stage.run(&["deadlines", "no.such"]).await;
    assert!(
        unknown.err.contains("unknown aggregate no.such"),
        "{unknown:?}"
    );
    handler.stop().await;
}
