//! Records that cannot be handled, from command to view.

use factline::Envelope;
use factline_kafka::topics::partition_of;
use factline_testkit::fixture::try_append;
use harness::{Log, System, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

async fn append(log: &Log, topic: &str, partition: i32, envelope: &Envelope, value: &[u8]) {
    let producer = log.kafka.client_config().create().unwrap();
    let (key, headers) = (&envelope.subject, envelope.to_headers());
    try_append(&producer, topic, partition, key, &headers, value)
        .await
        .unwrap();
}

async fn state(system: &System, operation: Uuid) -> Value {
    let url = format!("{}/operations/{operation}", system.url());
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_command_fails_with_a_dead_letter() {
    let system = System::start("poison").await.unwrap();
    let log = Log::of(&system, &ordering_schemas::ORDER);
    let order = Uuid::new_v4().to_string();
    let home = partition_of(order.as_bytes(), ordering_schemas::ORDER.partitions);
    let envelope = |operation| {
        Envelope::of_command(operation, "ordering.ShipOrder", "/foreign", &order, now())
    };

    let undecodable = Uuid::now_v7();
    append(
        &log,
        log.topics.commands(),
        home,
        &envelope(undecodable),
        b"poison",
    )
    .await;
    eventually("the poison command has failed", async || {
        Ok(state(&system, undecodable).await["state"] == "failed")
    })
    .await
    .unwrap();

    // A valid command's bytes, on a partition that does not match its key.
    let http = reqwest::Client::new();
    let url = format!("{}/orders/{order}/ship", system.url());
    assert_eq!(
        http.post(url)
            .json(&json!({}))
            .send()
            .await
            .unwrap()
            .status(),
        202
    );
    let commands = log.read(log.topics.commands()).await.unwrap();
    let good = commands
        .iter()
        .find(|record| record.operation() != undecodable)
        .unwrap();
    let stray = Uuid::now_v7();
    let elsewhere = (home + 1) % ordering_schemas::ORDER.partitions;
    append(
        &log,
        log.topics.commands(),
        elsewhere,
        &envelope(stray),
        good.value.as_deref().unwrap(),
    )
    .await;
    eventually("the stray command has failed", async || {
        let status = state(&system, stray).await;
        Ok(status["state"] == "failed" && status["code"] == "wrong_partition")
    })
    .await
    .unwrap();
    let letters = log.read(log.topics.dead_letters()).await.unwrap();
    assert_eq!(letters.len(), 2);
    eventually("the good command was decided, too", async || {
        Ok(log.open().await?.is_empty())
    })
    .await
    .unwrap();
    log.check().await.unwrap();
}

fn now() -> factline::Timestamp {
    std::time::SystemTime::now().into()
}

/// A poison event parks its key in each view, and halts its partition in the handler's recovery.
/// The other partitions continue.
#[tokio::test(flavor = "multi_thread")]
async fn poison_event_parks_its_key_in_views_and_halts_the_handlers_partition() {
    let system = System::start("poisonevent").await.unwrap();
    let log = Log::of(&system, &ordering_schemas::ORDER);
    let partitions = ordering_schemas::ORDER.partitions;
    let poisoned = Uuid::new_v4();
    let partition = partition_of(poisoned.to_string().as_bytes(), partitions);
    let envelope = Envelope {
        sequence: Some(1),
        partition_sequence: Some(1),
        ..Envelope::of_command(
            Uuid::now_v7(),
            "ordering.OrderShipped",
            "/foreign",
            &poisoned.to_string(),
            now(),
        )
    };
    append(&log, log.topics.events(), partition, &envelope, b"poison").await;
    let projectors = system.address("projectors");
    for view in ["orders", "customer-spending"] {
        eventually("the projectors say that a key is parked", async || {
            let metrics = reqwest::get(format!("{projectors}/metrics")).await?;
            let metrics = metrics.text().await?;
            let mut lines = metrics.lines();
            let label = format!("view=\"{view}\"");
            Ok(lines.any(|line| {
                let is_parked = line.starts_with("factline_follower_parked_keys{");
                is_parked && line.contains(&label) && line.ends_with(" 1")
            }))
        })
        .await
        .unwrap();
    }
    let ready = reqwest::get(format!("{projectors}/health/ready"))
        .await
        .unwrap();
    assert_eq!(ready.status(), 200, "parked keys do not make it unready");

    // On another partition an order is placed, decided and shown.
    let http = reqwest::Client::new();
    let other = std::iter::repeat_with(Uuid::new_v4)
        .find(|id| partition_of(id.to_string().as_bytes(), partitions) != partition)
        .unwrap();
    let body = json!({"order_id": other, "customer_id": "ada", "lines": [{"product_id": "p", "name": "n", "quantity": 1,
        "unit_price": {"amount": 5, "currency": "USD"}}]});
    assert_eq!(
        http.post(format!("{}/orders", system.url()))
            .json(&body)
            .send()
            .await
            .unwrap()
            .status(),
        202
    );
    eventually("the other order is shown", async || {
        Ok(reqwest::get(format!("{}/orders/{other}", system.url()))
            .await?
            .status()
            == 200)
    })
    .await
    .unwrap();

    // The handler has not read the partition since it started. Its successor has to, and refuses.
    system.kill("command-handlers").unwrap();
    system.spawn("command-handlers").unwrap();
    eventually("the handler says that it stopped", async || {
        let url = format!("{}/health/ready", system.address("command-handlers"));
        let Ok(answer) = reqwest::get(url).await else {
            return Ok(false);
        };
        let refused = answer.status() == 503;
        Ok(refused
            && answer
                .text()
                .await?
                .contains(&format!("/{partition} is halted")))
    })
    .await
    .unwrap();
}
