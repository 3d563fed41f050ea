//! A receiver of webhooks, which keeps what it gets and checks signatures with code of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use crate::system::LONG;

/// A request that a receiver got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) id: String,
    pub(crate) timestamp: i64,
    pub(crate) signatures: Vec<String>,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Got {
    /// Returns whether one of the signatures is by this secret.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let signed = format!("{}.{}.{}", self.id, self.timestamp, self.text);
        let expected = format!("v1,{}", STANDARD.encode(hmac(&key, signed.as_bytes())));
        self.signatures.contains(&expected)
    }

    pub(crate) fn event(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    pub(crate) fn operation(&self) -> &str {
        self.body["data"]["id"].as_str().unwrap()
    }
}

/// HMAC-SHA256 as RFC 2104 defines it, for keys of at most a block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |pad: u8| -> Vec<u8> {
        let key = key.iter().copied().chain(std::iter::repeat(0));
        key.take(64).map(|byte| byte ^ pad).collect()
    };
    let inner = Sha256::digest([&padded(0x36), message].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).to_vec()
}

/// The answers of a receiver: a function of the number of the request, from 0, and the request.
type Answers = Arc<dyn Fn(usize, &Got) -> Answer + Send + Sync>;

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    pub(crate) delay: Duration,
}

/// Returns an answer without a body.
pub(crate) fn status(status: u16) -> Answer {
    Answer {
        status,
        ..Answer::default()
    }
}

#[derive(Clone)]
struct Shared {
    got: Arc<Mutex<Vec<Got>>>,
    challenges: Arc<Mutex<Vec<Got>>>,
    news: Arc<Notify>,
    answers: Answers,
}

/// A running receiver. It answers challenges, and events as it is told to.
pub(crate) struct Receiver {
    pub(crate) url: String,
    shared: Shared,
}

impl Receiver {
    /// Starts a receiver that agrees to everything.
    pub(crate) async fn start() -> Self {
        Self::answering(|_, _| status(204)).await
    }

    /// Starts a receiver that answers events in this way.
    pub(crate) async fn answering(
        answers: impl Fn(usize, &Got) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::with(answers, |got| Answer {
            status: 200,
            body: got.body["data"]["token"].as_str().unwrap().to_owned(),
            ..Answer::default()
        })
        .await
    }

    /// Starts a receiver that also answers challenges in its own way.
    pub(crate) async fn with(
        answers: impl Fn(usize, &Got) -> Answer + Send + Sync + 'static,
        challenges: impl Fn(&Got) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let answers: Answers = Arc::new(move |number, got: &Got| {
            if got.event() == "webhook_challenge" {
                challenges(got)
            } else {
                answers(number, got)
            }
        });
        let shared = Shared {
            got: Arc::default(),
            challenges: Arc::default(),
            news: Arc::default(),
            answers,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/hook", post(take))
            .with_state(shared.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, shared }
    }

    /// Returns the events so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }

    /// Returns the challenges so far.
    pub(crate) fn challenges(&self) -> Vec<Got> {
        self.shared.challenges.lock().unwrap().clone()
    }

    /// Waits until the events are as expected. Returns them.
    pub(crate) async fn until(&self, expected: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let waiting = async {
            loop {
                let news = self.shared.news.notified();
                let got = self.got();
                if expected(&got) {
                    return got;
                }
                news.await;
            }
        };
        let got = tokio::time::timeout(LONG, waiting).await;
        got.unwrap_or_else(|_| panic!("the receiver got {:#?}", self.got()))
    }
}

async fn take(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    let text = String::from_utf8(body.to_vec()).unwrap();
    let got = Got {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp").parse().unwrap(),
        signatures: header("webhook-signature")
            .split(' ')
            .map(str::to_owned)
            .collect(),
        body: serde_json::from_str(&text).unwrap(),
        text,
    };
    let answer = {
        let mut all = if got.event() == "webhook_challenge" {
            shared.challenges.lock().unwrap()
        } else {
            shared.got.lock().unwrap()
        };
        let number = all.len();
        all.push(got.clone());
        (shared.answers)(number, &got)
    };
    shared.news.notify_one();
    tokio::time::sleep(answer.delay).await;
    let status = StatusCode::from_u16(answer.status).unwrap();
    let mut response = (status, answer.body).into_response();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
