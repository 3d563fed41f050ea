//! The history of an aggregate shows what led to each event, and the commands that were refused.

use factline_testkit::found;
use ordering_schemas::ShipOrder;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::Stage;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(flavor = "multi_thread")]
async fn history_shows_causes_and_refusals_in_order() {
    let stage = Stage::with_handler("causes").await;
    let order = Uuid::new_v4();
    let id = order.to_string();
    let early = stage.ship(order).await;
    let placed = stage.place(order).await;
    let [operation, root, correlation] = [(); 3].map(|()| Uuid::now_v7());
    let mut envelope = Stage::envelope(operation, "ordering.ShipOrder", order);
    envelope.root_operation = Some(root);
    envelope.correlation = correlation;
    envelope.process_type = Some("shop.delivery".to_owned());
    envelope.process_id = Some("d-7".to_owned());
    envelope.traceparent = Some(TRACE.to_owned());
    envelope.actor = "bob".to_owned();
    let ship = ShipOrder { order_id: order };
    stage.send_in(&envelope, &ship.into()).await;
    let poison = Stage::envelope(Uuid::now_v7(), "ordering.ShipOrder", order);
    let topic = stage.topics.commands();
    stage.append(topic, &poison, b"poison").await;

    let lines = found("four lines", async || {
        let ran = stage.run(&["--json", "history", &id]).await;
        let lines = ran.success.then(|| ran.json())?;
        (lines.len() == 4).then_some(lines)
    })
    .await;
    let refused: Vec<&Value> = lines.iter().map(|line| &line["refused"]).collect();
    let nothing = &Value::Null;
    let expected = [&json!("rejected"), nothing, nothing, &json!("failed")];
    assert_eq!(refused, expected, "in the order of the commands");

    let rejected = &lines[0];
    assert_eq!(rejected["operation"], early.to_string());
    assert!(rejected["code"].is_string(), "{rejected}");
    assert_eq!(rejected["command"]["data"]["order_id"], id);
    let first = &lines[1];
    assert_eq!(first["operation"], placed.to_string());
    assert_eq!(first["causation"], placed.to_string());
    assert_eq!(first["aggregate"], "ordering.order");
    assert_eq!(first["command"]["type"], "ordering.PlaceOrder");
    let shipped = &lines[2];
    for (field, value) in [
        ("actor", "bob".to_owned()),
        ("operation", operation.to_string()),
        ("causation", operation.to_string()),
        ("correlation", correlation.to_string()),
        ("root_operation", root.to_string()),
        ("process_type", "shop.delivery".to_owned()),
        ("process_id", "d-7".to_owned()),
        ("traceparent", TRACE.to_owned()),
    ] {
        assert_eq!(shipped[field], value, "{field} of {shipped}");
    }
    assert_eq!(lines[3]["code"], "unreadable");

    let table = stage.run(&["history", &id]).await;
    let code = rejected["code"].as_str().unwrap();
    assert!(
        table.out.contains(&format!("rejected: {code}")),
        "{table:?}"
    );
    assert!(table.out.contains("failed: unreadable"), "{table:?}");
    let table = stage.run(&["history", &id, "--causes"]).await;
    for part in ["shop.delivery d-7", TRACE, &root.to_string()] {
        assert!(table.out.contains(part), "{part}: {table:?}");
    }
}

/// An aggregate that only refused commands are about has a history too.
#[tokio::test(flavor = "multi_thread")]
async fn refused_commands_of_an_aggregate_without_events_are_shown() {
    let stage = Stage::with_handler("refused").await;
    let order = Uuid::new_v4();
    stage.ship(order).await;
    let lines = found("the refusal", async || {
        let ran = stage.run(&["--json", "history", &order.to_string()]).await;
        ran.success.then(|| ran.json())
    })
    .await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["refused"], "rejected");
    assert_eq!(lines[0]["command"]["type"], "ordering.ShipOrder");
}
