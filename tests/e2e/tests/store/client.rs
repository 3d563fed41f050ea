//! A short form of requests and responses. It uses `factline-client`, and adds requests that no
//! correct client sends.

use std::time::Duration;

use harness::System;
use reqwest::{Method, Response};
use serde_json::Value;

pub(crate) struct Client {
    url: String,
    http: reqwest::Client,
    proper: factline_client::Client,
}

/// An accepted command that has ended.
pub(crate) struct Ended {
    pub(crate) resource: String,
    pub(crate) operation: Value,
}

impl Client {
    pub(crate) fn of(system: &System) -> Self {
        Self {
            url: system.url(),
            http: reqwest::Client::new(),
            proper: factline_client::Client::new(&system.url(), Duration::from_mins(1)).unwrap(),
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.http
            .post(format!("{}{path}", self.url))
            .json(body)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: String,
    ) -> Response {
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .body(body);
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        request.send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = self.http.get(format!("{}{path}", self.url));
        headers
            .iter()
            .fold(request, |request, (name, value)| {
                request.header(*name, *value)
            })
            .send()
            .await
            .unwrap()
    }

    /// Sends a command and follows `Location` until the operation has ended, as any client would. A
    /// 404 fails the test, because it must not occur after a 202.
    pub(crate) async fn complete(&self, path: &str, body: &Value) -> Ended {
        self.ended(self.proper.send(path, body).await.unwrap())
            .await
    }

    /// Sends a command by `PUT` and waits like [`Self::complete`].
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Ended {
        self.ended(self.proper.put(path, body).await.unwrap()).await
    }

    async fn ended(&self, accepted: factline_client::Accepted) -> Ended {
        let location = &accepted.location;
        assert!(
            location.starts_with(&format!("/{}", accepted.operation)),
            "{location}"
        );
        assert!(accepted.retry_after.is_some());
        let operation = self.proper.wait(location).await.unwrap();
        Ended {
            resource: accepted.resource,
            operation: serde_json::to_value(operation).unwrap(),
        }
    }

    /// Follows the address of an operation until it has ended.
    pub(crate) async fn follow(&self, location: &str) -> Value {
        let operation = self.proper.wait(location).await.unwrap();
        serde_json::to_value(operation).unwrap()
    }

    /// Reads the result of a completed operation. The test does not wait itself: the operation's
    /// position makes the read wait.
    pub(crate) async fn read(&self, path: &str, ended: &Ended) -> Value {
        let position = ended.operation["position"].as_str();
        assert!(position.is_some());
        self.proper.read(path, position).await.unwrap().unwrap()
    }
}
