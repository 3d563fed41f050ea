//! The servers that the sender calls: the provider and the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request: path, idempotency key, body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Value,
}

/// Status and body.
pub(crate) type Answer = (u16, Value);

/// Records requests, and answers each with the response scripted for its payment; the default is
/// 202.
#[derive(Clone, Default)]
pub(crate) struct Outside {
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
}

/// A listener that can be closed, so that the server is unavailable.
pub(crate) struct Door {
    pub(crate) address: String,
    serving: Option<JoinHandle<()>>,
    outside: Outside,
}

impl Outside {
    /// Scripts the next responses to requests whose path or body names this payment.
    pub(crate) fn answers(&self, payment: &str, answers: &[Answer]) {
        let mut next: Vec<_> = answers.to_vec();
        next.reverse();
        self.answers
            .lock()
            .unwrap()
            .insert(payment.to_owned(), next);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Door {
    pub(crate) async fn open(outside: &Outside) -> Self {
        let mut door = Self {
            address: "127.0.0.1:0".to_owned(),
            serving: None,
            outside: outside.clone(),
        };
        door.open_again().await;
        door
    }

    /// Listens at the same address again.
    pub(crate) async fn open_again(&mut self) {
        let listener = TcpListener::bind(&self.address).await.unwrap();
        self.address = listener.local_addr().unwrap().to_string();
        let router = Router::new()
            .fallback(called)
            .with_state(self.outside.clone());
        let serve = async move { axum::serve(listener, router).await.unwrap() };
        self.serving = Some(tokio::spawn(serve));
    }

    pub(crate) async fn shut(&mut self) {
        let serving = self.serving.take().unwrap();
        serving.abort();
        let _ = serving.await;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn called(State(outside): State<Outside>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let key = request.headers()["idempotency-key"].to_str().unwrap();
    // A string of a structured field, as the store's client writes it, or the bare text.
    let key = key.trim_matches('"').to_owned();
    let bytes = axum::body::to_bytes(request.into_body(), 10_000)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    let payment = match body["payment_id"].as_str() {
        Some(payment) => payment.to_owned(),
        None => path.split('/').nth(2).unwrap().to_owned(),
    };
    outside.calls.lock().unwrap().push(Call { path, key, body });
    let mut answers = outside.answers.lock().unwrap();
    let answer = answers.get_mut(&payment).and_then(Vec::pop);
    let (status, body) = answer.unwrap_or((202, json!({})));
    // Headers that the store's responses have; a provider's may have them too.
    let headers = [
        ("x-operation", "operations/1"),
        ("x-resource", "payments/1"),
        ("location", "/operations/1"),
    ];
    let status = StatusCode::from_u16(status).unwrap();
    (status, headers, body.to_string()).into_response()
}
