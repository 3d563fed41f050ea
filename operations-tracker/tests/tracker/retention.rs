//! Operations that ended long ago are deleted, and no others.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use factline::Timestamp;
use factline::outcome::State;
use factline_tracker::batch;
use factline_tracker::fold::fold;
use factline_tracker::observation::{RecordId, StatusUpdate};
use factline_tracker::retention::{BATCH, round};
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::system::{LONG, System, plan_of};

const TOPIC: &str = "ordering.order.outcomes";

/// Returns a UUIDv7 from this number of days ago, different for each number.
fn id(days: i64, number: u64) -> Uuid {
    let then = (Utc::now() - TimeDelta::days(days)).timestamp_millis();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(then.unsigned_abs(), &random).into_uuid()
}

fn update(id: Uuid, offset: u64, state: State, time: Timestamp) -> StatusUpdate {
    StatusUpdate {
        id,
        record_id: RecordId {
            topic: TOPIC.to_owned(),
            partition: 0,
            offset: offset.cast_signed(),
        },
        kind: "command",
        state,
        name: "ordering.ShipOrder".to_owned(),
        aggregate: "ordering.order".to_owned(),
        resource_id: None,
        code: None,
        reason: None,
        user_id: "anonymous".to_owned(),
        version: None,
        position: None,
        parent: None,
        root: None,
        retry_of: None,
        expires_at: None,
        pending: None,
        running: None,
        created_at: time,
        updated_at: time,
    }
}

async fn write(pool: &PgPool, updates: impl IntoIterator<Item = StatusUpdate>) {
    let mut transaction = pool.begin().await.unwrap();
    batch::write(&mut transaction, &fold(updates))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

/// Writes operations of each terminal state that ended this number of days ago.
async fn write_ended(pool: &PgPool, days: i64, count: u64) -> BTreeSet<Uuid> {
    let ended = [
        State::Completed,
        State::Rejected,
        State::Failed,
        State::TimedOut,
        State::Cancelled,
    ];
    let time = Utc::now() - TimeDelta::days(days);
    let states = ended.iter().cycle();
    let first = 1_000_000 * days.unsigned_abs();
    let updates: Vec<_> = (first..first + count)
        .zip(states)
        .map(|(number, state)| update(id(days, number), number, *state, time))
        .collect();
    let ids = updates.iter().map(|update| update.id).collect();
    write(pool, updates).await;
    ids
}

async fn all(pool: &PgPool) -> BTreeSet<Uuid> {
    let ids: Vec<Uuid> = sqlx::query_scalar("select id from operations.operation")
        .fetch_all(pool)
        .await
        .unwrap();
    ids.into_iter().collect()
}

fn month_ago() -> Timestamp {
    Utc::now() - TimeDelta::days(30)
}

async fn get(system: &System, id: Uuid) -> (StatusCode, Value) {
    let response = system.get(&format!("/operations/{id}")).await;
    let status = response.status();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operations_that_ended_long_ago_are_deleted() {
    let system = System::start(LONG).await;
    let pool = &system.pool;
    let old = write_ended(pool, 31, 2 * u64::from(BATCH) + 7).await;
    let mut kept = write_ended(pool, 29, 5).await;
    let open = [(1, State::Pending), (2, State::Running)];
    let open = open.map(|(number, state)| {
        update(
            id(90, number),
            number,
            state,
            Utc::now() - TimeDelta::days(90),
        )
    });
    let pending = open[0].id;
    kept.extend(open.iter().map(|update| update.id));
    write(pool, open).await;
    // Began long ago, ended a moment ago.
    let late = StatusUpdate {
        created_at: Utc::now() - TimeDelta::days(90),
        ..update(id(90, 3), 3, State::Completed, Utc::now())
    };
    kept.insert(late.id);
    write(pool, [late]).await;
    let old_count = u64::try_from(old.len()).unwrap();
    assert_eq!(all(pool).await.len(), old.len() + kept.len());

    let gone = round(&system.barrier, pool, month_ago()).await.unwrap();
    assert_eq!(gone, old_count);
    assert_eq!(all(pool).await, kept);
    let gone = round(&system.barrier, pool, month_ago()).await.unwrap();
    assert_eq!(gone, 0);

    // An operation that ends after all is kept for its time.
    write(pool, [update(pending, 9, State::Completed, Utc::now())]).await;
    let gone = round(&system.barrier, pool, month_ago()).await.unwrap();
    assert_eq!(gone, 0);
    let tomorrow = Utc::now() + TimeDelta::days(1);
    round(&system.barrier, pool, tomorrow).await.unwrap();
    assert_eq!(all(pool).await.len(), 1, "the running one");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_operation_is_410_if_its_id_tells_its_age() {
    let system = System::start(LONG).await;
    let deleted = write_ended(&system.pool, 31, 1).await;
    let open = update(
        id(90, 1),
        1,
        State::Pending,
        Utc::now() - TimeDelta::days(90),
    );
    let open_id = open.id;
    write(&system.pool, [open]).await;
    let deleted = *deleted.first().unwrap();
    assert_eq!(get(&system, deleted).await.0, StatusCode::OK);
    round(&system.barrier, &system.pool, month_ago())
        .await
        .unwrap();

    let (status, problem) = get(&system, deleted).await;
    assert_eq!(status, StatusCode::GONE);
    assert_eq!(
        problem["type"],
        "https://factline.dev/problems/operation-expired"
    );
    assert_eq!(get(&system, open_id).await.0, StatusCode::OK);
    assert_eq!(get(&system, Uuid::now_v7()).await.0, StatusCode::NOT_FOUND);
    // The id of a keyed request derives from the key, and tells no time.
    let derived = Uuid::new_v5(&Uuid::NAMESPACE_OID, b"key");
    let (status, problem) = get(&system, derived).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("kept for 30 days"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_while_commands_are_not_read() {
    let system = System::start(Duration::from_millis(500)).await;
    let old = write_ended(&system.pool, 31, 3).await;
    // The command of an operation whose outcome has been read.
    let operation = *old.first().unwrap();
    system.command(operation, 2).await;
    let gone = round(&system.barrier, &system.pool, month_ago()).await;
    assert_eq!(gone.unwrap(), 0);
    assert_eq!(all(&system.pool).await, old);

    let following = system.follow();
    let read = async { while !system.barrier.has_caught_up().await {} };
    tokio::time::timeout(LONG, read).await.unwrap();
    let gone = round(&system.barrier, &system.pool, month_ago()).await;
    assert_eq!(gone.unwrap(), 3);
    assert!(all(&system.pool).await.is_empty(), "no row is pending");
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_delete_at_the_same_time_do_not_disturb_each_other() {
    let system = System::start(LONG).await;
    let old = write_ended(&system.pool, 31, 3 * u64::from(BATCH)).await;
    let rounds = || round(&system.barrier, &system.pool, month_ago());
    let (one, other, third) = tokio::join!(rounds(), rounds(), rounds());
    let gone = one.unwrap() + other.unwrap() + third.unwrap();
    assert_eq!(gone, u64::try_from(old.len()).unwrap());
    assert!(all(&system.pool).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn anomalies_are_deleted_too() {
    let system = System::start(LONG).await;
    let recent = id(1, 1);
    for offset in [7, 8] {
        let ended = update(recent, offset, State::Completed, Utc::now());
        write(&system.pool, [ended]).await;
    }
    let count = "select count(*) from operations.anomaly";
    let anomalies = async || -> i64 {
        sqlx::query_scalar(count)
            .fetch_one(&system.pool)
            .await
            .unwrap()
    };
    assert_eq!(anomalies().await, 1);
    round(&system.barrier, &system.pool, month_ago())
        .await
        .unwrap();
    assert_eq!(anomalies().await, 1);
    sqlx::query("update operations.anomaly set noticed_at = $1")
        .bind(Utc::now() - TimeDelta::days(31))
        .execute(&system.pool)
        .await
        .unwrap();
    round(&system.barrier, &system.pool, month_ago())
        .await
        .unwrap();
    assert_eq!(anomalies().await, 0);
    assert_eq!(all(&system.pool).await, BTreeSet::from([recent]));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_operations_are_found_by_index() {
    let system = System::start(LONG).await;
    write_ended(&system.pool, 29, 20_000).await;
    write_ended(&system.pool, 31, 10).await;
    let statement = concat!(
        "explain ",
        include_str!("../../../crates/factline-tracker/src/retention.sql")
    );
    let explained = sqlx::query_scalar(statement)
        .bind(month_ago())
        .bind(i64::from(BATCH));
    let plan = plan_of(&system.pool, explained).await;
    assert!(plan.contains("operation_updated_at_idx"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}
