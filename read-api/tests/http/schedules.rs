//! Schedules: one, and lists by state.

use reqwest::StatusCode;
use serde_json::json;

use crate::stage::Stage;

const TWO: &str = "insert into schedules
    (schedule_id, state, at, cron, time_zone, until, missed, missed_after_seconds, command, target_id, created_by,
     next_at, last_at, last_lateness_ms, last_operation, runs, skipped, created_at, updated_at, version)
values
    ('00000000-0000-0000-0000-000000000001', 'active', null, '0 9 * * *', 'Europe/Berlin', '2026-12-31T00:00:00Z',
     'skip', 60, 'catalog.ChangePrice', 'p-1', 'ann', '2026-03-03T08:00:00Z', '2026-03-02T08:00:00Z', 12,
     '00000000-0000-0000-0000-000000000011', 1, 2, '2026-03-01T12:00:00Z', '2026-03-02T08:00:00Z', 3),
    ('00000000-0000-0000-0000-000000000002', 'finished', '2026-03-02T08:00:00Z', null, 'UTC', null,
     'run', 60, 'catalog.CreateProduct', null, 'bob', null, null, null, null, 0, 0,
     '2026-03-01T13:00:00Z', '2026-03-01T13:00:00Z', 1)";

#[tokio::test(flavor = "multi_thread")]
async fn schedule_is_read_by_its_id() {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    let path = "/schedules/00000000-0000-0000-0000-000000000001";
    let active = stage.get(path).await;
    assert_eq!(active.status, StatusCode::OK);
    assert_eq!(
        active.body,
        json!({
            "schedule_id": "00000000-0000-0000-0000-000000000001",
            "state": "active",
            "at": null,
            "cron": "0 9 * * *",
            "time_zone": "Europe/Berlin",
            "until": "2026-12-31T00:00:00Z",
            "missed": "skip",
            "missed_after_seconds": 60,
            "command": "catalog.ChangePrice",
            "target_id": "p-1",
            "created_by": "ann",
            "next_at": "2026-03-03T08:00:00Z",
            "last_at": "2026-03-02T08:00:00Z",
            "last_lateness_ms": 12,
            "last_operation": "00000000-0000-0000-0000-000000000011",
            "runs": 1,
            "skipped": 2,
            "created_at": "2026-03-01T12:00:00Z",
            "updated_at": "2026-03-02T08:00:00Z",
            "version": 3,
        })
    );
    let missing = "/schedules/00000000-0000-0000-0000-000000000009";
    assert_eq!(stage.get(missing).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_listed_newest_first() {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    let first = stage.get("/schedules?limit=1").await.body;
    assert_eq!(first["items"][0]["created_by"], "bob");
    let next = first["next"].as_str().unwrap();
    let second = stage.get(&format!("/schedules?limit=1&after={next}")).await;
    assert_eq!(second.body["items"][0]["created_by"], "ann");
    assert_eq!(second.body["next"], json!(null));
    let active = stage.get("/schedules?state=active").await.body;
    assert_eq!(active["items"].as_array().unwrap().len(), 1);
    let wrong = stage.get("/schedules?state=asleep").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}
