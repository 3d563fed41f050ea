//! The status of a system of which parts are unavailable. The whole store has a test in
//! `tests/e2e`.

use std::net::TcpListener;

use factline_dev_servers::Servers;
use factline_postgres::migration;
use factline_postgres::view::CHECKPOINTS;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::stage::Stage;

/// Returns an address at which no process listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Creates a database with one checkpoint on a topic of the stage. Returns its URL.
async fn database(stage: &Stage) -> String {
    let name = format!("status{}", Uuid::new_v4().simple());
    let created = name.clone();
    let servers = tokio::task::spawn_blocking(move || {
        let servers = Servers::shared();
        servers.postgres.create_database(&created).unwrap();
        servers
    });
    let url = servers
        .await
        .unwrap()
        .postgres
        .url(&name, "factline_projector");
    let pool = PgPool::connect(&url).await.unwrap();
    migration::checkpoints(&pool, CHECKPOINTS).await.unwrap();
    let insert = "insert into factline.checkpoint \
        (view, version, topic, partition, topic_identity, next_offset, sequence) \
        values ('orders', 2, $1, 3, 'any', 0, 0), ('orders', 2, 'another.topic', 3, 'any', 0, 0)";
    let parked = "insert into factline.parked_key \
        (view, version, topic, partition, key, record_offset, sequence, event_time, cause, records) \
        values ('orders', 2, $1, 3, 'a', 1, 1, now(), '', 1), ('orders', 2, $1, 3, 'b', 2, 2, now(), '', 1), \
            ('orders', 2, 'another.topic', 3, 'a', 1, 1, now(), '', 1)";
    for sql in [insert, parked] {
        let statement = sqlx::query(sql).bind(stage.topics.events());
        statement.execute(&pool).await.unwrap();
    }
    pool.close().await;
    url
}

async fn status(stage: &Stage, arguments: &[&str]) -> (Value, String) {
    let arguments = [&["status", "--json"], arguments].concat();
    let ran = stage.run(&arguments).await;
    let status = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(ran.success, ran.err.is_empty(), "{ran:?}");
    (status, ran.err)
}

#[tokio::test(flavor = "multi_thread")]
async fn status_without_options_says_what_is_unknown() {
    let stage = Stage::with_topics("unasked").await;
    let (status, error) = status(&stage, &[]).await;
    assert_eq!(error, "", "{status}");
    let unknown = status["views"]["unknown"].as_str().unwrap();
    assert!(unknown.contains("--database-url"), "{status}");
    let unknown = status["services"]["unknown"].as_str().unwrap();
    assert!(unknown.contains("--service"), "{status}");
    // No handler has run, which the status must not hide.
    let group = &status["kafka"]["groups"][0];
    assert_eq!(group["members"], json!([]), "{status}");
    let screen = stage.run(&["status", "--partitions"]).await;
    assert!(screen.success, "{screen:?}");
    assert!(
        screen.out.contains("views: unknown: --database-url"),
        "{screen:?}"
    );
    assert!(screen.out.contains("\nordering.order/7 "), "{screen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_parts_are_named_and_the_others_are_shown() {
    let stage = Stage::with_topics("parts").await;
    let url = database(&stage).await;
    let closed = closed();

    // Without a broker the checkpoints are known, and the lag is not.
    let arguments = ["--database-url", &url, "--brokers", &closed];
    let (known, error) = status(&stage, &arguments).await;
    assert!(error.contains("incomplete: kafka"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let reason = known["kafka"]["unavailable"].as_str().unwrap();
    assert!(
        reason.contains(&closed) && reason.contains("--kafka-brokers"),
        "{reason}"
    );
    let views = known["views"].as_array().unwrap();
    assert_eq!(views.len(), 1, "{known}");
    assert_eq!(
        (&views[0]["view"], &views[0]["version"]),
        (&json!("orders"), &json!(2))
    );
    assert_eq!(
        views[0]["partitions"], 1,
        "another installation has the other"
    );
    assert_eq!(views[0].get("lag_records"), None);
    assert_eq!(views[0]["parked"], 2, "another installation has the other");

    // Without a database and a service the brokers' part is known.
    let nowhere = format!("postgres://ada:secret@{closed}/factline");
    let service = format!("http://{closed}");
    let arguments = ["--database-url", &nowhere, "--service", &service];
    let (known, error) = status(&stage, &arguments).await;
    assert!(
        error.contains("views") && error.contains(&service),
        "{error}"
    );
    let reason = known["views"]["unavailable"].as_str().unwrap();
    assert!(
        reason.contains(&closed) && reason.contains("--database-url"),
        "{reason}"
    );
    assert!(!reason.contains("secret"), "{reason}");
    assert!(known["services"][0]["unavailable"].is_string(), "{known}");
    assert!(
        known["kafka"]["aggregates"][0]["partitions"].is_array(),
        "{known}"
    );

    // A topic is missing.
    let prefix = ["--topic-prefix", "nothing."];
    let (known, error) = status(&stage, &prefix).await;
    assert!(
        error.contains("incomplete: ") && error.contains("ordering.order"),
        "{error}"
    );
    let reason = known["kafka"]["aggregates"][0]["unavailable"]
        .as_str()
        .unwrap();
    assert!(reason.contains("does not exist"), "{reason}");
}
