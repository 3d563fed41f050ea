//! Sends one request to a receiver.
//!
//! The client follows no redirect, uses no proxy, and connects only to addresses that are
//! permitted. It reads no more of a response than it needs.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use factline_kafka::client::security::TLS;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use uuid::Uuid;

use super::Options;
use super::address::Permitted;
use super::signature::{self, Secret};

/// Time for which a connection is kept for the next event.
const IDLE: Duration = Duration::from_secs(10);

/// Maximum number of bytes of a response that are read.
const MAX_RESPONSE: usize = 1024;

/// Maximum length of the text of a failure.
const MAX_ERROR: usize = 200;

/// A client that sends to permitted addresses.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    client: Client,
    pub(super) permitted: Permitted,
    timeout: Duration,
}

/// A request to a receiver.
pub(super) struct Message<'a> {
    pub(super) url: &'a str,
    pub(super) id: Uuid,
    pub(super) body: &'a str,
    pub(super) secrets: &'a [Secret],
}

/// The answer of a receiver.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The time after which it wants the next attempt.
    pub(super) retry_after: Option<Duration>,
    response: reqwest::Response,
}

impl Sender {
    pub(super) fn new(options: &Options) -> Result<Self, reqwest::Error> {
        let permitted = Permitted {
            http: options.webhook_http,
            private: options.webhook_private_addresses,
        };
        let client = Client::builder()
            .dns_resolver(permitted)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .pool_idle_timeout(IDLE)
            .timeout(options.webhook_timeout)
            .build()?;
        Ok(Self {
            client,
            permitted,
            timeout: options.webhook_timeout,
        })
    }

    /// Sends a request. The error says why there is no answer.
    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Answer, String> {
        let url: Url = self.permitted.read(message.url).map_err(|refused| {
            // The options have changed since the registration.
            format!("the address {refused}")
        })?;
        if url.scheme() == "https" && !TLS {
            return Err("this program was built without the feature `tls`".to_owned());
        }
        let timestamp = Utc::now().timestamp();
        let id = message.id.to_string();
        let signature = signature::header(message.secrets, &id, timestamp, message.body);
        let sent = self
            .client
            .post(url)
            .header(USER_AGENT, "factline")
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(message.body.to_owned())
            .send()
            .await;
        let response = sent.map_err(|error| self.describe(&error))?;
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| wait(value.to_str().ok()?));
        Ok(Answer {
            status: response.status(),
            retry_after,
            response,
        })
    }

    fn describe(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("no response within {} s", self.timeout.as_secs_f64());
        }
        let mut cause: &dyn Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let text = if error.is_connect() {
            format!("cannot connect: {cause}")
        } else {
            cause.to_string()
        };
        text.chars().take(MAX_ERROR).collect()
    }
}

/// Reads the value of `Retry-After`: seconds, or a time.
fn wait(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = DateTime::parse_from_rfc2822(text).ok()?;
    (time.to_utc() - Utc::now()).to_std().ok()
}

impl Answer {
    /// Returns the body, or none if it is too long, is no text, or breaks off.
    pub(super) async fn text(mut self) -> Option<String> {
        let mut body = Vec::new();
        while let Some(chunk) = self.response.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_RESPONSE {
                return None;
            }
        }
        String::from_utf8(body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_time() {
        assert_eq!(wait("90"), Some(Duration::from_secs(90)));
        let time = Utc::now() + chrono::TimeDelta::seconds(100);
        let found = wait(&time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()).unwrap();
        assert!((98..=100).contains(&found.as_secs()), "{found:?}");
        for text in ["", "soon", "-1", "1.5", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(wait(text), None, "{text}");
        }
    }
}
