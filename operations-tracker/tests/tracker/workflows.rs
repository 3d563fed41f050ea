//! Operations that lead to others: they stay open while they run, and are shown with their
//! descendants.

use chrono::TimeDelta;
use factline::outcome::{OutcomeKind, State};
use factline::{Envelope, Outcome};
use factline_tracker::batch;
use factline_tracker::fold::fold;
use factline_tracker::observation::{RecordId, StatusUpdate};
use factline_tracker::store::MAX_RELATED;
use reqwest::header::{ETAG, IF_NONE_MATCH, RETRY_AFTER};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::system::{LONG, System, envelope, headers, outcome_of, plan_of};

/// Returns the envelope of a policy's command, with its origin time `seconds` seconds after the
/// first.
fn child(operation: Uuid, parent: Uuid, root: Uuid, seconds: i64) -> Envelope {
    let envelope = envelope(operation);
    Envelope {
        parent_operation: Some(parent),
        root_operation: Some(root),
        origin_time: envelope.origin_time + TimeDelta::seconds(seconds),
        ..envelope
    }
}

async fn shown(system: &System, operation: Uuid) -> Value {
    let response = system.get(&format!("/operations/{operation}")).await;
    assert_eq!(response.status(), 200);
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Requests until the response is as wanted.
async fn until(system: &System, operation: Uuid, wanted: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let shown = shown(system, operation).await;
            if wanted(&shown) {
                return shown;
            }
        }
    };
    tokio::time::timeout(LONG, asking).await.unwrap()
}

/// Returns the ids and states of the descendants of an operation.
fn below(shown: &Value) -> Value {
    let children = shown["children"].as_array().unwrap();
    let drawn = |child: &Value| json!([child["id"], child["state"], below(child)]);
    children.iter().map(drawn).collect()
}

fn pending(envelope: &Envelope, offset: i64) -> StatusUpdate {
    let record = factline_kafka::Record {
        topic: "ordering.order.commands".to_owned(),
        partition: 0,
        offset,
        timestamp: envelope.time,
        key: None,
        headers: headers(envelope)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        value: None,
    };
    StatusUpdate::of_command("ordering.order", &record)
}

async fn write(system: &System, updates: impl IntoIterator<Item = StatusUpdate>) {
    let mut transaction = system.pool.begin().await.unwrap();
    batch::write(&mut transaction, &fold(updates))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn workflow_stays_open_until_it_ends_and_shows_its_descendants() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let [root, pay, charge, timer, lost, unseen] = [(); 6].map(|()| Uuid::now_v7());

    system.command(root, 2).await;
    system.outcome(&outcome_of(root, State::Running), 2).await;
    until(&system, root, |shown| shown["state"] == "running").await;
    let response = system.get(&format!("/operations/{root}")).await;
    // It has been open for years.
    assert_eq!(response.headers()[RETRY_AFTER], "30");
    let tag = response.headers()[ETAG].clone();
    let running: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(running["success"], Value::Null);
    assert_eq!(running["children"], json!([]));

    // For one operation there is only the outcome, which names the parent in its value. For another
    // the parent is unknown.
    let charged = Outcome {
        parent: Some(pay),
        code: Some("declined".to_owned()),
        ..outcome_of(charge, State::Rejected)
    };
    let header = Envelope {
        parent_operation: None,
        ..child(charge, pay, root, 0)
    };
    system.outcome_in(&header, &charged, 5).await;
    for (operation, parent, seconds) in [(pay, root, 1), (lost, unseen, 3)] {
        let envelope = child(operation, parent, root, seconds);
        system
            .append_command(headers(&envelope), Some(b"x"), 4)
            .await;
    }
    let came_due = Outcome {
        kind: OutcomeKind::Deadline,
        name: "checkout.payment_missing".to_owned(),
        created_at: child(timer, root, root, 2).origin_time.timestamp_micros(),
        ..outcome_of(timer, State::Completed)
    };
    let envelope = child(timer, root, root, 2);
    system.outcome_in(&envelope, &came_due, 2).await;

    let tree = json!([
        [pay, "pending", [[charge, "rejected", []]]],
        [timer, "completed", []],
        [lost, "pending", []],
    ]);
    let open = until(&system, root, |shown| below(shown) == tree).await;
    assert_eq!(open["state"], "running");
    let timer = &open["children"][1];
    assert_eq!(
        (&timer["kind"], &timer["name"]),
        (&json!("deadline"), &json!("checkout.payment_missing"))
    );
    assert_eq!(open["children"][0]["kind"], "command");
    assert_eq!(open["children"][0]["children"][0]["code"], "declined");
    assert_eq!(open["children"][0]["children"][0]["success"], false);
    // The tag covers the children too: the operation's own row has not changed.
    let again = reqwest::Client::new().get(system.at(&format!("/operations/{root}")));
    let again = again.header(IF_NONE_MATCH, tag).send().await.unwrap();
    assert_eq!(again.status(), 200);

    let branch = shown(&system, pay).await;
    assert_eq!(
        (&branch["parent"], &branch["root"]),
        (&json!(root), &json!(root))
    );
    assert_eq!(below(&branch), json!([[charge, "rejected", []]]));
    assert_eq!(shown(&system, charge).await["parent"], json!(pay));

    system.outcome(&outcome_of(root, State::Rejected), 2).await;
    let ended = until(&system, root, |shown| shown["state"] == "rejected").await;
    assert_eq!((&ended["success"], below(&ended)), (&json!(false), tree));
    assert_eq!(ended.get("children_truncated"), None);
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retried_operation_and_the_original_name_each_other() {
    let system = System::start(LONG).await;
    let (failed, retry) = (Uuid::now_v7(), Uuid::now_v7());
    let envelope = Envelope {
        retry_of: Some(failed),
        ..envelope(retry)
    };
    write(&system, [pending(&envelope, 0)]).await;
    let first = shown(&system, retry).await;
    assert_eq!(first["retry_of"], json!(failed));
    // The operation that it repeats has no row, and counts nevertheless.
    assert_eq!(first["attempt"], 2);

    // The original names what repeats it, the oldest first.
    let mut original = pending(&self::envelope(failed), 1);
    original.retry_of = None;
    write(&system, [original]).await;
    assert_eq!(shown(&system, failed).await["retries"], json!([retry]));
    assert_eq!(shown(&system, retry).await.get("retries"), None);

    let again = Uuid::now_v7();
    let envelope = Envelope {
        retry_of: Some(retry),
        ..self::envelope(again)
    };
    write(&system, [pending(&envelope, 2)]).await;
    for (operation, attempt) in [(failed, 1), (retry, 2), (again, 3)] {
        assert_eq!(shown(&system, operation).await["attempt"], attempt);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_workflow_is_truncated_and_read_by_index() {
    let system = System::start(LONG).await;
    let most = i64::try_from(MAX_RELATED).unwrap();
    let root = Uuid::now_v7();
    let of_root = |number: i64| child(Uuid::now_v7(), root, root, number);
    let first: Vec<Envelope> = (1..=most).map(of_root).collect();
    let updates = first.iter().zip(1..).map(|(one, at)| pending(one, at));
    write(&system, updates.chain([pending(&envelope(root), 0)])).await;
    let whole = shown(&system, root).await;
    assert_eq!(whole["children"].as_array().unwrap().len(), MAX_RELATED);
    assert_eq!(whole.get("children_truncated"), None);

    write(&system, [pending(&of_root(most + 1), most + 1)]).await;
    let cut = shown(&system, root).await;
    assert_eq!(cut["children"], whole["children"], "the oldest are shown");
    assert_eq!(cut["children_truncated"], true);

    // Other operations, so that the planner prefers the index.
    let others = (0..20_000_i64).map(|number| {
        let (own, root) = (Uuid::now_v7(), Uuid::now_v7());
        StatusUpdate {
            record_id: RecordId {
                topic: "ordering.order.commands".to_owned(),
                partition: 1,
                offset: number,
            },
            ..pending(&child(own, root, root, 0), 0)
        }
    });
    write(&system, others).await;
    let statement = concat!(
        "explain ",
        include_str!("../../../crates/factline-tracker/src/find.sql")
    );
    let explained = sqlx::query_scalar(statement)
        .bind(vec![root])
        .bind(most + 1);
    let plan = plan_of(&system.pool, explained).await;
    assert!(plan.contains("operation_root_created_at_id_idx"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}
