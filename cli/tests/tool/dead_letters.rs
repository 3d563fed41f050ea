//! Dead letters: listed, shown, sent again, put aside, and who did it.

use factline::Outcome;
use factline_kafka::{Registry, records::framing, tools::topic_reader};
use serde_json::json;
use uuid::Uuid;

use crate::stage::{Stage, eventually};

const X: &str = "ordering.order";

async fn outcome(stage: &Stage, operation: Uuid) -> Outcome {
    let registry = Registry::new(&stage.kafka.registry_url);
    eventually("the operation has ended", async || {
        let (kafka, topic) = (stage.kafka.clone(), stage.topics.outcomes().to_owned());
        let read = move || {
            let range = topic_reader::Range::default();
            topic_reader::Reader::open(&kafka, &topic, &range)
                .unwrap()
                .all()
        };
        for record in tokio::task::spawn_blocking(read).await.unwrap().unwrap() {
            let (id, datum) = framing::read(record.value.as_deref().unwrap()).unwrap();
            let outcome: Outcome = registry.codec(id).await.unwrap().decode(datum).unwrap();
            if outcome.operation_id == operation {
                return Some(outcome);
            }
        }
        None
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_sent_again_or_put_aside_and_both_is_recorded() {
    let stage = Stage::with_handler("letters").await;
    assert_eq!(stage.json(&["dead-letters", "list", X]).await.len(), 0);
    let mut failed = Vec::new();
    for _ in 0..2 {
        let operation = Uuid::now_v7();
        let envelope = Stage::envelope(operation, "ordering.ShipOrder", Uuid::new_v4());
        stage
            .append(stage.topics.commands(), &envelope, b"poison")
            .await;
        outcome(&stage, operation).await;
        failed.push(operation);
    }
    let letters = stage.json(&["dead-letters", "list", X]).await;
    assert_eq!(letters.len(), 2);
    assert!(
        letters
            .iter()
            .all(|letter| letter["code"] == "unreadable" && letter["state"] == "open")
    );
    let of = |operation: Uuid| {
        let operation = json!(operation.to_string());
        let found = letters
            .iter()
            .find(|letter| letter["operation"] == operation);
        found.unwrap()["letter"].as_str().unwrap().to_owned()
    };

    // By its operation or by its place.
    let shown = &stage
        .json(&["dead-letters", "show", X, &failed[0].to_string()])
        .await[0];
    assert_eq!(shown["letter"], of(failed[0]));
    assert_eq!(shown["bytes"], "cG9pc29u");
    assert_eq!(shown["headers"]["ce_actor"], "eve");

    let redriven = &stage
        .json(&["dead-letters", "redrive", X, &of(failed[0])])
        .await[0];
    let operation: Uuid = redriven["operation"].as_str().unwrap().parse().unwrap();
    let again = outcome(&stage, operation).await;
    assert_eq!(
        (again.retry_of, again.actor.as_str()),
        (Some(failed[0]), "ada")
    );
    assert_eq!(
        again.code.as_deref(),
        Some("unreadable"),
        "poison stays poison"
    );
    let twice = stage
        .run(&["dead-letters", "redrive", X, &of(failed[0])])
        .await;
    assert!(
        !twice.success && twice.err.contains("redriven by ada"),
        "{twice:?}"
    );

    let put_aside = [
        "dead-letters",
        "discard",
        X,
        &of(failed[1]),
        "--note",
        "a test",
        "--actor",
        "bob",
    ];
    assert!(stage.run(&put_aside).await.success);
    let open = stage.json(&["dead-letters", "list", X]).await;
    assert_eq!(open.len(), 1, "the letter of the second failure: {open:?}");
    assert_eq!(open[0]["operation"], operation.to_string());
    let all = stage.json(&["dead-letters", "list", X, "--all"]).await;
    let states: Vec<_> = all.iter().map(|letter| &letter["state"]).collect();
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(states.contains(&&json!("redriven")) && states.contains(&&json!("discarded")));
    let shown = &stage
        .json(&["dead-letters", "show", X, &of(failed[1])])
        .await[0];
    assert_eq!(shown["headers"]["deadletter_note"], "a test");
    assert_eq!(shown["headers"]["deadletter_markedby"], "bob");
    assert_eq!(shown["bytes"], "cG9pc29u", "a mark keeps its letter");

    let unknown = stage
        .run(&["dead-letters", "discard", X, "nowhere/1@2"])
        .await;
    assert!(
        !unknown.success && unknown.err.contains("no dead letter nowhere/1@2"),
        "{unknown:?}"
    );
}
