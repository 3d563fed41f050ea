//! Several instances share the work, and a killed one loses nothing.

use std::collections::{HashMap, HashSet};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::any_order::{updates, write};
use crate::system::{LONG, System};

use super::receiver::{Answer, Got, Receiver, status};
use super::stage::{changed, end, moved, options, send};

/// A process of the tracker. It ends with this value.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    async fn start(system: &System) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let database = system.pool.connect_options();
        let database = format!(
            "postgres://factline_tracker@127.0.0.1:{}/{}",
            database.get_port(),
            database.get_database().unwrap()
        );
        let child = Command::new(env!("CARGO_BIN_EXE_operations-tracker"))
            .env("FACTLINE_LISTEN", address.to_string())
            .env("FACTLINE_DATABASE_URL", database)
            .env("FACTLINE_KAFKA_BROKERS", &system.kafka.brokers)
            .env("FACTLINE_REGISTRY_URL", &system.kafka.registry_url)
            .env("FACTLINE_TOPIC_PREFIX", &system.kafka.topic_prefix)
            .env("FACTLINE_WEBHOOK_HTTP", "true")
            .env("FACTLINE_WEBHOOK_PRIVATE_ADDRESSES", "true")
            .env("FACTLINE_WEBHOOK_TIMEOUT", "1")
            .env("FACTLINE_WEBHOOK_RETRIES", "1,1,1")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://{address}");
        let waiting = async {
            while reqwest::get(format!("{url}/health/live")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LONG, waiting).await.unwrap();
        Self { child, url }
    }

    /// Ends the process at once, as `kill -9` does.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes operations that have completed, many in a transaction.
async fn end_many(system: &System, numbers: std::ops::RangeInclusive<u128>) {
    let numbers: Vec<u128> = numbers.collect();
    for chunk in numbers.chunks(100) {
        let batch = chunk
            .iter()
            .flat_map(|number| updates(Uuid::from_u128(*number))[0..3].to_vec());
        write(&system.pool, batch.collect()).await;
    }
    moved(&system.pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_send_each_event_once() {
    let system = System::with_webhooks(options()).await;
    let other = CancellationToken::new();
    system.instance(options(), &other).await;
    let receiver = Receiver::answering(|_, _| Answer {
        delay: Duration::from_millis(20),
        ..status(204)
    })
    .await;
    let (webhook, _) = system.active(&receiver).await;
    for number in 1..=100 {
        end(&system.pool, number).await;
    }
    receiver.until(|got| got.len() >= 100).await;
    let path = format!("/webhooks/{webhook}/deliveries?limit=500&state=delivered");
    let page = system
        .until(&path, |page| page["items"].as_array().unwrap().len() == 100)
        .await;
    let mut items = page["items"].as_array().unwrap().iter();
    assert!(items.all(|delivery| delivery["attempts"] == 1));
    let ids: HashSet<_> = receiver.got().into_iter().map(|got| got.id).collect();
    assert_eq!((ids.len(), receiver.got().len()), (100, 100));
    other.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_far_behind_gets_all_and_does_not_hold_up_others() {
    let system = System::with_webhooks(options()).await;
    let (far, near) = (Receiver::start().await, Receiver::start().await);
    let (behind, _) = system.active(&far).await;
    let (_, _) = system.active(&near).await;
    sqlx::query("update operations.webhook set state = 'disabled' where id = $1")
        .bind(behind)
        .execute(&system.pool)
        .await
        .unwrap();
    // Several pages of the feed.
    let missed = 1_300;
    end_many(&system, 1..=missed).await;
    let missed = usize::try_from(missed).unwrap();
    near.until(|got| got.len() == missed).await;
    assert_eq!(system.enable(behind).await.0, 200);
    let last = end(&system.pool, 5_000).await.to_string();
    near.until(|got| got.last().is_some_and(|got| got.operation() == last))
        .await;
    let got = far.until(|got| got.len() > missed).await;
    let different: HashSet<_> = got.iter().map(Got::operation).collect();
    assert_eq!((got.len(), different.len()), (missed + 1, missed + 1));
}

/// The webhooks want more events of a page of the feed than one transaction writes.
#[tokio::test(flavor = "multi_thread")]
async fn page_of_many_webhooks_is_written_in_parts() {
    let system = System::with_webhooks(options()).await;
    end_many(&system, 1..=500).await;
    // Nothing is sent.
    sqlx::query(
        "insert into operations.webhook (id, url, events, state, secret, paused_until) \
         select gen_random_uuid(), 'http://127.0.0.1:9', '{operation_completed}', 'active', \
             '\\x00', now() + interval '1 day' from generate_series(1, 12)",
    )
    .execute(&system.pool)
    .await
    .unwrap();
    changed(&system.pool).await;
    let waiting = async {
        let count = "select count(*) from operations.webhook_delivery";
        while sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&system.pool)
            .await
            .unwrap()
            < 12 * 500
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap();
    let end: i64 = sqlx::query_scalar("select max(number) from operations.feed")
        .fetch_one(&system.pool)
        .await
        .unwrap();
    let positions: Vec<i64> =
        sqlx::query_scalar("select distinct position from operations.webhook")
            .fetch_all(&system.pool)
            .await
            .unwrap();
    assert_eq!(positions, [end]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_are_bounded() {
    let system = System::with_webhooks(options()).await;
    let receiver = Receiver::start().await;
    let witness = Receiver::start().await;
    let (webhook, _) = system.active(&receiver).await;
    system.active(&witness).await;
    sqlx::query(
        "insert into operations.webhook_delivery \
             (id, webhook_id, number, rank, operation_id, event, at, body, state, next_at) \
         select gen_random_uuid(), $1, -number, 2, gen_random_uuid(), 'operation_completed', now(), \
             '{}', 'pending', now() + interval '1 day' from generate_series(1, 10000) as number",
    )
    .bind(webhook)
    .execute(&system.pool)
    .await
    .unwrap();
    changed(&system.pool).await;
    let operation = end(&system.pool, 1).await;
    witness.until(|got| got.len() == 1).await;
    let written: i64 = sqlx::query_scalar(
        "select count(*) from operations.webhook_delivery where webhook_id = $1 and number > 0",
    )
    .bind(webhook)
    .fetch_one(&system.pool)
    .await
    .unwrap();
    assert_eq!(written, 0);
    sqlx::query("delete from operations.webhook_delivery where number = -17")
        .execute(&system.pool)
        .await
        .unwrap();
    moved(&system.pool).await;
    let got = receiver.until(|got| got.len() == 1).await;
    assert_eq!(got[0].operation(), operation.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_instance_loses_no_event() {
    let system = System::with_webhooks(options()).await;
    // Only the processes work.
    system.stop();
    let mut processes = [Process::start(&system).await, Process::start(&system).await];
    // The first requests of both processes are under way when one is killed. They fail.
    let receiver = Receiver::answering(|number, _| match number {
        0..16 => Answer {
            delay: Duration::from_millis(900),
            ..status(500)
        },
        _ => status(204),
    })
    .await;
    let body = json!({"url": receiver.url, "events": ["operation_running", "operation_completed"]});
    let (_, registered) = send(
        "POST",
        &format!("{}/webhooks", processes[0].url),
        Some(body),
    )
    .await;
    let id = registered["id"].as_str().unwrap();
    let secret = registered["secret"].as_str().unwrap();
    let enable = format!("{}/webhooks/{id}/enable", processes[1].url);
    assert_eq!(send("POST", &enable, None).await.0, 200);
    let count = 60;
    for number in 1..=count {
        end(&system.pool, number).await;
        if number == count / 2 {
            receiver.until(|got| got.len() >= 16).await;
            processes[0].kill();
        }
    }
    let pairs = usize::try_from(count).unwrap() * 2;
    let ids = |got: &[Got]| -> HashMap<String, (String, String)> {
        let each = got.iter().map(|got| {
            let what = (got.operation().to_owned(), got.event().to_owned());
            (got.id.clone(), what)
        });
        each.collect()
    };
    let times = |got: &[Got], id: &str| got.iter().filter(|got| got.id == id).count();
    let got = receiver
        .until(|got| {
            let mut failed = got.iter().take(16);
            ids(got).len() >= pairs && failed.all(|one| times(got, &one.id) > 1)
        })
        .await;
    let different = ids(&got);
    // Each transition has one id, also if it was sent twice.
    assert_eq!(different.len(), pairs);
    let mut transitions: Vec<_> = different.values().collect();
    transitions.sort();
    transitions.dedup();
    assert_eq!(transitions.len(), pairs);
    assert!(got.iter().all(|got| got.is_signed_by(secret)));
    // One row for each, in the order of the feed.
    let rows: Vec<(Uuid, i16)> = sqlx::query_as(
        "select operation_id, rank from operations.webhook_delivery order by number, rank",
    )
    .fetch_all(&system.pool)
    .await
    .unwrap();
    let expected: Vec<_> = (1..=count)
        .flat_map(|number| [1, 2].map(|rank| (Uuid::from_u128(number), rank)))
        .collect();
    assert_eq!(rows, expected);
    let again = got.len() - pairs;
    assert!(again <= 24, "{again} events were sent again");
}
