//! Backups that cannot be made or restored. The drill with a whole store is in `tests/e2e`.

use std::fs;

use serde_json::Value;
use uuid::Uuid;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn failed_backup_leaves_no_folder() {
    let stage = Stage::empty("nothing").await;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("backup");
    let path = folder.to_str().unwrap();
    let failed = stage.run(&["backup", path]).await;
    assert!(
        !failed.success && failed.err.contains("does not exist"),
        "{failed:?}"
    );
    assert!(!folder.exists());

    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("mine"), "kept").unwrap();
    let refused = stage.run(&["backup", path]).await;
    assert!(
        !refused.success && refused.err.contains("cannot create"),
        "{refused:?}"
    );
    assert!(folder.join("mine").exists(), "another folder is left alone");
    let refused = stage.run(&["restore", path]).await;
    assert!(
        !refused.success && refused.err.contains("is not a complete backup"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_or_foreign_backup_is_refused() {
    let stage = Stage::with_topics("changed").await;
    let envelope = Stage::envelope(Uuid::now_v7(), "ordering.OrderPlaced", Uuid::new_v4());
    stage
        .append(stage.topics.events(), &envelope, b"not framed")
        .await;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("backup");
    let path = folder.to_str().unwrap();
    let saved = stage.json(&["backup", path]).await;
    let orders = saved.iter().find(|it| it["aggregate"] == "ordering.order");
    assert_eq!(orders.unwrap()["events"], 1, "{saved:?}");

    let other = Stage::empty("other").await;
    let file = folder.join("ordering.order.events.jsonl");
    let events = fs::read(&file).unwrap();
    fs::write(&file, &events[..events.len() - 2]).unwrap();
    let refused = other.run(&["restore", path]).await;
    assert!(
        !refused.success && refused.err.contains("was changed after the backup"),
        "{refused:?}"
    );
    fs::write(&file, &events).unwrap();
    let manifest = folder.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    for (old, new, reason) in [
        ("\"format\": 1", "\"format\": 2", "has the format 2"),
        ("\"partitions\": 8", "\"partitions\": 9", "requires 8"),
        (
            "\"ordering.order\"",
            "\"ordering.gone\"",
            "unknown aggregate",
        ),
    ] {
        fs::write(&manifest, text.replace(old, new)).unwrap();
        let refused = other.run(&["restore", path]).await;
        assert!(
            !refused.success && refused.err.contains(reason),
            "{refused:?}"
        );
    }
    fs::write(&manifest, &text).unwrap();
    let topics = other.run(&["topics", "plan", "--json"]).await.json();
    let untouched = |line: &Value| line["action"] == "create";
    assert!(topics.iter().all(untouched), "nothing was written");

    // A value that no schema describes is kept as it is.
    assert!(other.run(&["restore", path]).await.success);
    let events = other.json(&["events", "ordering.order"]).await;
    assert_eq!(events[0]["bytes"], "bm90IGZyYW1lZA==", "{events:?}");
    let again = other.run(&["restore", path]).await;
    assert!(
        !again.success && again.err.contains("has records"),
        "{again:?}"
    );
}
