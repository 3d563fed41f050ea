//! What is outside of the sender: the provider that it asks, and the store that it tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What was asked: path, idempotency key, body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Value,
}

/// Status and body.
pub(crate) type Answer = (u16, Value);

/// Hears calls, and answers each as it is told to by the payment; 202 if it is told nothing.
#[derive(Clone, Default)]
pub(crate) struct Outside {
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
}

/// A door that can be shut: nobody answers then.
pub(crate) struct Door {
    pub(crate) address: String,
    serving: Option<JoinHandle<()>>,
    outside: Outside,
}

impl Outside {
    /// The next answers to calls whose path or body names this payment.
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

    /// At the same address.
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
    // A string of a structured field, as the store's client writes it, or the bare words.
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
    // What the store's answers have; a provider may have them as well.
    let headers = [
        ("x-operation", "operations/1"),
        ("x-resource", "payments/1"),
        ("location", "/operations/1"),
    ];
    let status = StatusCode::from_u16(status).unwrap();
    (status, headers, body.to_string()).into_response()
}
