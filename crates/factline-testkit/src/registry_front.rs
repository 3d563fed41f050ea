//! A front of the schema registry, which a test can make fail as registries and proxies do.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Behaviour of the front.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// As the registry.
    #[default]
    Works,
    /// With this status, whatever the request.
    Refuses(u16),
    /// Requests that would register a schema are forbidden.
    ReadOnly,
    /// As a registry that has not this schema.
    Lacks(i32),
    /// Never.
    Hangs,
}

/// Front of a registry. Clones share one behaviour.
#[derive(Debug, Clone)]
pub struct RegistryFront {
    /// Address for clients.
    pub url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    origin: String,
    http: reqwest::Client,
}

impl RegistryFront {
    /// Starts a front of the registry at `origin`.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn of(origin: &str) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.unwrap();
        let front = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            behaviour: Arc::default(),
            origin: origin.to_owned(),
            http: reqwest::Client::new(),
        };
        let router = Router::new().fallback(answer).with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        front
    }

    /// Changes how requests from now on are answered.
    pub fn becomes(&self, behaviour: Behaviour) {
        *self
            .behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = behaviour;
    }
}

async fn answer(State(front): State<RegistryFront>, request: Request) -> Response {
    let behaviour = *front
        .behaviour
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let path = request.uri().path().to_owned();
    match behaviour {
        Behaviour::Refuses(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            return (status, "refused by the test").into_response();
        }
        Behaviour::ReadOnly if request.method() == Method::POST && path.ends_with("/versions") => {
            return (StatusCode::FORBIDDEN, "read only").into_response();
        }
        Behaviour::Lacks(id) if path.ends_with(&format!("/schemas/ids/{id}")) => {
            let body = r#"{"error_code":40403,"message":"Schema not found"}"#;
            return (StatusCode::NOT_FOUND, body).into_response();
        }
        Behaviour::Hangs => std::future::pending::<()>().await,
        Behaviour::Works | Behaviour::ReadOnly | Behaviour::Lacks(_) => {}
    }
    forward(&front, request, &path).await
}

async fn forward(front: &RegistryFront, request: Request, path: &str) -> Response {
    let method = request.method().clone();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let sent = front
        .http
        .request(method, format!("{}{path}", front.origin));
    let sent = sent
        .header(header::CONTENT_TYPE, "application/json")
        .body(body);
    match sent.send().await {
        Ok(answer) => {
            let status = answer.status();
            (status, Body::from(answer.bytes().await.unwrap_or_default())).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
