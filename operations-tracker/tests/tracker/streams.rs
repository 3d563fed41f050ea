//! Server-sent events: each transition once and in order, over reconnects and instances.

use std::collections::HashMap;
use std::time::Duration;

use factline::Outcome;
use factline::outcome::State;
use serde_json::Value;
use uuid::Uuid;

use crate::any_order::{updates, write};
use crate::system::{LONG, MAX_STREAMS, System, outcome_of};

/// A time without an event after which one is missing.
const MISSING: Duration = Duration::from_secs(10);

/// An event, as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// An open stream.
pub(crate) struct Stream {
    response: reqwest::Response,
    text: String,
    /// The last id, also of blocks without data.
    pub(crate) last_id: String,
}

impl Stream {
    pub(crate) async fn open(url: &str, last_event_id: Option<&str>) -> Self {
        let mut request = reqwest::Client::new().get(url);
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
            last_id: last_event_id.unwrap_or_default().to_owned(),
        }
    }

    /// Returns the next event; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let fields: HashMap<&str, &str> = block
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .collect();
                if let Some(id) = fields.get("id") {
                    (*id).clone_into(&mut self.last_id);
                }
                if let Some(data) = fields.get("data") {
                    return Some(Event {
                        id: self.last_id.clone(),
                        name: fields["event"].to_owned(),
                        data: serde_json::from_str(data).unwrap(),
                    });
                }
            }
            let chunk = tokio::time::timeout(LONG, self.response.chunk()).await;
            match chunk.expect("a stream that goes on").unwrap() {
                Some(chunk) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                None => return None,
            }
        }
    }

    /// Waits until the stream has told its place, which it does before any event.
    pub(crate) async fn placed(&mut self) {
        while self.last_id.is_empty() && !self.text.contains("id: ") {
            let chunk = self.response.chunk().await.unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        if let Some((_, id)) = self.text.rsplit_once("id: ") {
            id.trim().clone_into(&mut self.last_id);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_is_streamed_from_pending_to_its_end() {
    let system = System::start(LONG).await;
    let following = system.follow();
    let operation = Uuid::now_v7();
    system.command(operation, 1).await;
    let path = format!("/operations/{operation}/events");
    let mut stream = Stream::open(&system.at(&path), None).await;
    let pending = stream.next().await.unwrap();
    assert_eq!(
        (pending.id.as_str(), pending.name.as_str()),
        ("pending", "operation_pending")
    );
    assert_eq!(pending.data["id"], operation.to_string());
    assert_eq!(pending.data["success"], Value::Null);
    let running = outcome_of(operation, State::Running);
    system.outcome(&running, 1).await;
    assert_eq!(stream.next().await.unwrap().name, "operation_running");
    let rejected = Outcome {
        code: Some("sold_out".to_owned()),
        position: Some("1abc".to_owned()),
        ..outcome_of(operation, State::Rejected)
    };
    system.outcome(&rejected, 1).await;
    let ended = stream.next().await.unwrap();
    assert_eq!(ended.name, "operation_rejected");
    assert_eq!(ended.data["success"], false);
    assert_eq!(ended.data["code"], "sold_out");
    assert_eq!(ended.data["position"], "1abc");
    assert_eq!(stream.next().await, None);

    // Another instance goes on after any of the events.
    let url = format!("{}{path}", system.another_instance().await);
    for (seen, expected) in [
        (None, &["pending", "running", "rejected"][..]),
        (Some("pending"), &["running", "rejected"]),
        (Some("running"), &["rejected"]),
    ] {
        let mut stream = Stream::open(&url, seen).await;
        for state in expected {
            assert_eq!(stream.next().await.unwrap().id, *state);
        }
        assert_eq!(stream.next().await, None);
    }
    let again = reqwest::Client::new()
        .get(&url)
        .header("Last-Event-ID", "rejected");
    assert_eq!(again.send().await.unwrap().status(), 204);
    following.stop().await;
}

/// Each transition of 300 operations, read by streams that reconnect to another instance after
/// every few events, while four writers commit in any order.
#[tokio::test(flavor = "multi_thread")]
async fn every_transition_is_streamed_once_and_in_order() {
    check_stream(&System::start(LONG).await).await;
}

/// Not a test: the body of a child process, which a test runs with a mutant.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child process of the test of the mutant"]
async fn child() {
    check_stream(&System::start(LONG).await).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn mutant_unordered_feed_is_detected() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["streams::child", "--exact", "--ignored", "--nocapture"])
        .env("FACTLINE_MUTANT", "unordered-feed");
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    let ran = ran.await.unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success(), "{said}");
    assert!(said.contains("was not streamed"), "{said}");
}

async fn check_stream(system: &System) {
    let urls = [
        system.at("/operations/events"),
        format!("{}/operations/events", system.another_instance().await),
    ];
    let mut stream = Stream::open(&urls[0], None).await;
    stream.placed().await;
    let ids: Vec<Uuid> = (1..=300).map(Uuid::from_u128).collect();
    let mut writers = Vec::new();
    for writer in 0..4 {
        let (pool, ids) = (system.pool.clone(), ids.clone());
        writers.push(tokio::spawn(async move {
            for id in ids.iter().skip(writer).step_by(4) {
                // Pending, running, completed: each in a transaction of its own.
                for one in 0..3 {
                    slowly_write(&pool, *id, one).await;
                }
            }
        }));
    }
    let mut seen: HashMap<String, Vec<String>> = HashMap::new();
    let mut count = 0;
    while count < 3 * ids.len() {
        let next = tokio::time::timeout(MISSING, stream.next()).await;
        let event = next.expect("a change was not streamed").unwrap();
        assert!(event.name.starts_with("operation_"), "{event:?}");
        let states = seen
            .entry(event.data["id"].as_str().unwrap().to_owned())
            .or_default();
        states.push(event.data["state"].as_str().unwrap().to_owned());
        count += 1;
        if count % 7 == 0 {
            let url = &urls[count % 2];
            stream = Stream::open(url, Some(&event.id)).await;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for id in ids {
        assert_eq!(seen[&id.to_string()], ["pending", "running", "completed"]);
    }
}

/// Writes an update, and commits a moment later: so transactions do not commit in the order in
/// which they wrote.
async fn slowly_write(pool: &sqlx::PgPool, id: Uuid, one: usize) {
    let mut transaction = pool.begin().await.unwrap();
    let update = updates(id)[one].clone();
    let batch = factline_tracker::fold::fold([update]);
    factline_tracker::batch::write(&mut transaction, &batch)
        .await
        .unwrap();
    let pause = u64::try_from(id.as_u128() % 3).unwrap() * 4;
    tokio::time::sleep(Duration::from_millis(pause)).await;
    // As a follower does when it moves its checkpoints.
    sqlx::query("select pg_notify('factline_checkpoint', 'operations-tracker')")
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_of_one_user_has_no_other_operations() {
    let system = System::start(LONG).await;
    let url = system.at("/operations/events?user_id=ada");
    let mut stream = Stream::open(&url, None).await;
    stream.placed().await;
    for (number, user) in [(1, "eve"), (2, "ada"), (3, "eve"), (4, "ada")] {
        let mut update = updates(Uuid::from_u128(number))[0].clone();
        user.clone_into(&mut update.user_id);
        write(&system.pool, vec![update]).await;
    }
    for number in [2, 4] {
        let event = stream.next().await.unwrap();
        assert_eq!(event.data["id"], Uuid::from_u128(number).to_string());
        assert_eq!(event.data["user_id"], "ada");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_says_that_changes_are_not_kept() {
    let system = System::start(LONG).await;
    for number in 1..=5 {
        write(
            &system.pool,
            vec![updates(Uuid::from_u128(number))[0].clone()],
        )
        .await;
    }
    sqlx::query("delete from operations.feed where number < 4")
        .execute(&system.pool)
        .await
        .unwrap();
    let url = system.at("/operations/events");
    for unknown in ["1.0", "17.2"] {
        let mut stream = Stream::open(&url, Some(unknown)).await;
        let reset = stream.next().await.unwrap();
        assert_eq!(reset.name, "operations_reset", "{unknown}");
        write(&system.pool, vec![updates(Uuid::from_u128(5))[1].clone()]).await;
        sqlx::query("select pg_notify('factline_checkpoint', 'operations-tracker')")
            .execute(&system.pool)
            .await
            .unwrap();
        if unknown == "1.0" {
            assert_eq!(stream.next().await.unwrap().name, "operation_running");
        }
    }
    let mut stream = Stream::open(&url, Some("3.0")).await;
    assert_eq!(stream.next().await.unwrap().id, "4.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_ids_and_too_many_streams_are_refused() {
    let system = System::start(LONG).await;
    let operation = Uuid::from_u128(1);
    write(&system.pool, vec![updates(operation)[0].clone()]).await;
    let one = system.at(&format!("/operations/{operation}/events"));
    let all = system.at("/operations/events");
    let client = reqwest::Client::new();
    for (url, id) in [
        (&one, "3.0"),
        (&one, "finished"),
        (&all, "pending"),
        (&all, "1"),
    ] {
        let request = client.get(url).header("Last-Event-ID", id);
        assert_eq!(request.send().await.unwrap().status(), 400, "{id}");
    }
    for path in [
        "/operations/events?after=x",
        "/operations/events?user=ada",
        "/operations/17/events",
    ] {
        assert_eq!(system.get(path).await.status(), 400, "{path}");
    }
    let mut open = Vec::new();
    for _ in 0..MAX_STREAMS {
        open.push(Stream::open(&all, None).await);
    }
    let refused = client.get(&all).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    // Each stream that ends makes room for another one.
    drop(open);
    let again = async {
        while client.get(&all).send().await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, again).await.unwrap();
}
