//! The time until the views show what a command led to.

use chrono::{TimeDelta, Utc};
use factline::Position;
use factline::outcome::State;
use factline::position::Point;
use factline_tracker::observation::StatusUpdate;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::any_order::{updates, write};
use crate::system::{LONG, System};

const TOPIC: &str = "ordering.order.events";

/// Creates the checkpoints of a view that has applied the events up to a sequence.
async fn view(pool: &PgPool, sequence: i64) {
    let sql = format!(
        "create schema read;
         create table read.applied (topic text, partition integer, topic_identity text, \
             sequence bigint);
         insert into read.applied values ('{TOPIC}', 0, '0a1b2c3d', {sequence});
         create view read.orders_checkpoint as select * from read.applied"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(pool)
        .await
        .unwrap();
}

async fn notify(pool: &PgPool, follower: &str) {
    sqlx::query("select pg_notify('factline_checkpoint', $1)")
        .bind(follower)
        .execute(pool)
        .await
        .unwrap();
}

/// Returns an operation that was accepted ten seconds ago and has just completed.
fn completed(id: u128, name: &str, sequence: u64) -> StatusUpdate {
    let point = Point {
        topic: TOPIC.to_owned(),
        partition: 0,
        sequence,
        identity: "0a1b2c3d".to_owned(),
    };
    let now = Utc::now();
    StatusUpdate {
        state: State::Completed,
        name: name.to_owned(),
        position: Some(Position::at(point).to_string()),
        created_at: now - TimeDelta::seconds(10),
        updated_at: now,
        ..updates(Uuid::from_u128(id))[0].clone()
    }
}

/// Returns the percentiles of a type of command; null if there is no sample.
async fn visible(system: &System, name: &str) -> Value {
    let response = system.get("/operations/statistics").await;
    let statistics: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let commands = statistics["commands"].as_array().unwrap().iter();
    let mut of_type = commands.filter(|one| one["name"] == name);
    of_type.next().unwrap()["visible_seconds"].clone()
}

/// Waits until there is a sample of a type of command.
async fn until_visible(system: &System, name: &str) -> Value {
    let sampled = async {
        loop {
            let visible = visible(system, name).await;
            if !visible.is_null() {
                return visible;
            }
        }
    };
    tokio::time::timeout(LONG, sampled).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_have_the_time_until_all_views_show_a_command() {
    let system = System::start(LONG).await;
    view(&system.pool, 6).await;
    let (place, ship) = ("ordering.PlaceOrder", "ordering.ShipOrder");
    let both = vec![completed(1, place, 7), completed(2, ship, 6)];
    write(&system.pool, both).await;
    notify(&system.pool, "operations-tracker").await;
    until_visible(&system, ship).await;
    assert_eq!(visible(&system, place).await, Value::Null);
    // The view applies the event, as its projector does.
    sqlx::query("update read.applied set sequence = 7")
        .execute(&system.pool)
        .await
        .unwrap();
    notify(&system.pool, "orders").await;
    let sampled = until_visible(&system, place).await;
    let p50 = sampled["p50"].as_f64().unwrap();
    assert!(
        (10.0..10.0 + LONG.as_secs_f64()).contains(&p50),
        "{sampled}"
    );
    assert_eq!(sampled["p50"], sampled["p99"]);
}

/// The first notification is that of another view. What it makes the task do finds no operation.
#[tokio::test(flavor = "multi_thread")]
async fn completion_after_a_notification_is_sampled() {
    let system = System::start(LONG).await;
    view(&system.pool, 7).await;
    let place = "ordering.PlaceOrder";
    notify(&system.pool, "orders").await;
    write(&system.pool, vec![completed(1, place, 7)]).await;
    notify(&system.pool, "operations-tracker").await;
    until_visible(&system, place).await;
}
