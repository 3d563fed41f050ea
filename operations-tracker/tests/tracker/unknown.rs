//! Requests for unknown operations have a bounded cost, and delay no others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use factline::outcome::State;
use factline_tracker::barrier::Limits;
use factline_tracker::captures::{Captures, PAUSE};
use factline_tracker::ends;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::system::{LONG, System, outcome_of};

fn path(operation: Uuid) -> String {
    format!("/operations/{operation}")
}

/// Requests an operation until it has a state.
async fn until(system: &System, operation: Uuid, state: &str) {
    let asking = async {
        loop {
            let response = system.get(&path(operation)).await;
            assert_eq!(response.status(), StatusCode::OK);
            let shown = response.bytes().await.unwrap();
            let shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
            if shown["state"] == state {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, asking).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_operations_share_questions_and_leave_others_working() {
    let system = Arc::new(System::start(LONG).await);
    let following = system.follow();
    let known = Uuid::now_v7();
    system.command(known, 0).await;
    until(&system, known, "pending").await;

    let (before, begun) = (system.captures.load(Ordering::Relaxed), Instant::now());
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let mut strangers = JoinSet::new();
    for _ in 0..200 {
        let (system, done) = (Arc::clone(&system), Arc::clone(&done));
        let asked: Arc<AtomicUsize> = Arc::clone(&asked);
        strangers.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let response = system.get(&path(Uuid::now_v7())).await;
                assert_eq!(response.status(), StatusCode::NOT_FOUND);
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // Meanwhile commands are accepted and decided, and known operations are found.
    for number in 0..20 {
        let operation = Uuid::now_v7();
        system.command(operation, number % 8).await;
        system
            .outcome(&outcome_of(operation, State::Completed), number % 8)
            .await;
        until(&system, operation, "completed").await;
        until(&system, known, "pending").await;
    }
    done.store(true, Ordering::Relaxed);
    strangers.join_all().await;
    let captures = system.captures.load(Ordering::Relaxed) - before;
    let asked = asked.load(Ordering::Relaxed);
    let most = begun.elapsed().as_millis() / PAUSE.as_millis() + 1;
    assert!(
        captures < asked && captures as u128 <= most,
        "{captures} questions for {asked} requests"
    );
    following.stop().await;
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused_at_once() {
    let limits = Limits {
        bound: Duration::from_secs(3),
        waiting: 2,
    };
    // The brokers never answer, so unknown operations wait.
    let system = Arc::new(System::with(limits, Some(Captures::new(std::future::pending))).await);
    let following = system.follow();
    let known = Uuid::now_v7();
    system.command(known, 0).await;
    until(&system, known, "pending").await;

    let mut requests = JoinSet::new();
    for _ in 0..5 {
        let system = Arc::clone(&system);
        requests.spawn(async move {
            let begun = Instant::now();
            let response = system.get(&path(Uuid::now_v7())).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[RETRY_AFTER], "1");
            begun.elapsed() >= limits.bound
        });
    }
    let waited = requests.join_all().await;
    let waited = waited.into_iter().filter(|waited| *waited).count();
    assert_eq!(waited, 2);
    until(&system, known, "pending").await;
    following.stop().await;
}

#[tokio::test]
async fn operation_is_found_although_the_brokers_do_not_answer() {
    let limits = Limits {
        bound: LONG,
        waiting: 250,
    };
    let question = Captures::new(|| async {
        let error = KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable);
        Err(Arc::new(ends::Error::Kafka(error)))
    });
    let system = System::with(limits, Some(question)).await;
    let operation = Uuid::now_v7();
    system.command(operation, 3).await;
    let url = system.at(&path(operation));
    let asked = tokio::spawn(async move { reqwest::get(url).await.unwrap().status() });
    let following = system.follow();
    assert_eq!(asked.await.unwrap(), StatusCode::OK);
    following.stop().await;
}

#[tokio::test]
async fn brokers_that_do_not_answer_leave_the_request_uncertain() {
    let limits = Limits {
        bound: Duration::from_millis(300),
        waiting: 250,
    };
    let question = Captures::new(|| async {
        let error = KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable);
        Err(Arc::new(ends::Error::Kafka(error)))
    });
    let system = System::with(limits, Some(question)).await;
    let response = system.get(&path(Uuid::now_v7())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem = response.bytes().await.unwrap();
    let problem = String::from_utf8_lossy(&problem).into_owned();
    assert!(problem.contains("the brokers do not answer"), "{problem}");
}
