//! Two instances, processes of their own, one of which is killed.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::system::{LONG, System};

use super::receiver::{Answer, Receiver, status};
use super::stage::{end, options, send};

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

#[tokio::test(flavor = "multi_thread")]
async fn killed_instance_loses_no_event() {
    let system = System::with_webhooks(options()).await;
    // Only the processes work.
    system.stop();
    let mut processes = [Process::start(&system).await, Process::start(&system).await];
    // Slow enough for the kill to hit requests that are under way.
    let receiver = Receiver::answering(|_, _| Answer {
        delay: Duration::from_millis(100),
        ..status(204)
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
            receiver.until(|got| got.len() >= 8).await;
            processes[0].kill();
        }
    }
    let pairs = usize::try_from(count).unwrap() * 2;
    let ids = |got: &[super::receiver::Got]| -> HashMap<String, (String, String)> {
        let each = got.iter().map(|got| {
            let what = (got.operation().to_owned(), got.event().to_owned());
            (got.id.clone(), what)
        });
        each.collect()
    };
    let got = receiver.until(|got| ids(got).len() >= pairs).await;
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
    assert!(again <= 8, "{again} events were sent again");
}
