//! Dead letters: listed, shown, redriven and discarded, with the name of the operator.

use factline::{Outcome, Roles};
use factline_testkit::found;
use serde_json::json;
use uuid::Uuid;

use crate::stage::Stage;

const X: &str = "ordering.order";

async fn outcome(stage: &Stage, operation: Uuid) -> Outcome {
    found("the end of the operation", async || {
        let outcomes = stage.fixture.outcomes(stage.topics.outcomes()).await;
        let mut outcomes = outcomes.into_iter();
        outcomes.find(|outcome| outcome.operation_id == operation)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_redriven_or_discarded_with_a_mark() {
    let stage = Stage::with_handler("letters").await;
    assert_eq!(stage.json(&["dead-letters", "list", X]).await.len(), 0);
    let mut failed = Vec::new();
    for _ in 0..2 {
        let operation = Uuid::now_v7();
        let mut envelope = Stage::envelope(operation, "ordering.ShipOrder", Uuid::new_v4());
        envelope.roles = Roles::of(["clerk"]).unwrap();
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

    // A letter is found by its operation or by its location.
    let shown = &stage
        .json(&["dead-letters", "show", X, &failed[0].to_string()])
        .await[0];
    assert_eq!(shown["letter"], of(failed[0]));
    assert_eq!(shown["bytes"], "cG9pc29u");
    assert_eq!(shown["headers"]["ce_actor"], "eve");
    assert_eq!(shown["headers"]["ce_roles"], "clerk");

    let redriven = &stage
        .json(&["dead-letters", "redrive", X, &of(failed[0])])
        .await[0];
    let operation: Uuid = redriven["operation"].as_str().unwrap().parse().unwrap();
    let again = outcome(&stage, operation).await;
    assert_eq!(
        (again.retry_of, again.actor.as_str()),
        (Some(failed[0]), "ada")
    );
    let commands = stage.fixture.read(stage.topics.commands()).await;
    let command = commands
        .iter()
        .find(|command| command.operation() == operation);
    let envelope = command.unwrap().envelope().unwrap();
    assert!(envelope.roles.is_empty(), "eve's roles are not ada's");
    assert_eq!(
        again.code.as_deref(),
        Some("unreadable"),
        "a redriven poison command fails again"
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
