//! A command with its conditions.
//!
//! To add a condition, add a field and a method here, and a line in [`Command::request`].

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use uuid::Uuid;

/// Header with the key by which a service recognizes a repeated command.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Header with the version that the aggregate must have.
const EXPECTED_VERSION: &str = "Factline-Expected-Version";

/// Header with the milliseconds within which the command must be decided.
const TIME_TO_LIVE: &str = "Factline-Time-To-Live";

/// A command to be sent with [`crate::Client::submit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command<'a, B> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    body: &'a B,
    key: Key,
    expected_version: Option<u64>,
    time_to_live: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    /// A new key for each submission of the command.
    New,
    Given(String),
    None,
}

impl<'a, B: Serialize> Command<'a, B> {
    /// Creates a command that is sent by `POST`.
    pub fn post(path: &'a str, body: &'a B) -> Self {
        Self::new(Method::POST, path, body)
    }

    /// Creates a command that is sent by `PUT`.
    pub fn put(path: &'a str, body: &'a B) -> Self {
        Self::new(Method::PUT, path, body)
    }

    fn new(method: Method, path: &'a str, body: &'a B) -> Self {
        Self {
            method,
            path,
            body,
            key: Key::New,
            expected_version: None,
            time_to_live: None,
        }
    }

    /// Sends the command with this idempotency key: 1 to 255 visible ASCII characters that no other
    /// command uses. Use it if the sender persists the key, so that a retry after the sender's own
    /// crash is the same operation. Without it each submission has its own key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Key::Given(key.into());
        self
    }

    /// Sends the command without a key: for a command that has no effect when it is accepted a
    /// second time.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.key = Key::None;
        self
    }

    /// Rejects the command as `version_conflict` unless the aggregate has this version when the
    /// command is decided. 0 means that the aggregate must not exist yet.
    #[must_use]
    pub fn expected_version(mut self, version: u64) -> Self {
        self.expected_version = Some(version);
        self
    }

    /// Ends the command as `timed_out` unless it is decided within this time after its acceptance:
    /// from a millisecond to a day, in whole milliseconds.
    #[must_use]
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = Some(time);
        self
    }

    /// Returns the key of this submission, which is the same for all its attempts.
    pub(crate) fn key_of_submission(&self) -> Option<String> {
        match &self.key {
            Key::New => Some(Uuid::new_v4().to_string()),
            Key::Given(key) => Some(key.clone()),
            Key::None => None,
        }
    }

    /// Adds the headers and the body of the command to a request.
    pub(crate) fn request(&self, builder: RequestBuilder, key: Option<&str>) -> RequestBuilder {
        let headers = [
            (IDEMPOTENCY_KEY, key.map(quoted)),
            (
                EXPECTED_VERSION,
                self.expected_version.map(|version| version.to_string()),
            ),
            (
                TIME_TO_LIVE,
                self.time_to_live.map(|time| time.as_millis().to_string()),
            ),
        ];
        headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .fold(builder.json(self.body), |builder, (name, value)| {
                builder.header(name, value)
            })
    }
}

/// Quotes a key as a string of structured fields (RFC 9651), which the draft of the header
/// requires.
fn quoted(key: &str) -> String {
    format!("\"{}\"", key.replace('\\', r"\\").replace('"', r#"\""#))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<B: Serialize>(command: &Command<'_, B>) -> reqwest::header::HeaderMap {
        let builder = reqwest::Client::new().post("http://127.0.0.1/people");
        let key = command.key_of_submission();
        let request = command.request(builder, key.as_deref()).build().unwrap();
        request.headers().clone()
    }

    #[test]
    fn command_sets_request_headers() {
        let bare = headers(&Command::post("/people", &1).repeatable());
        for name in [IDEMPOTENCY_KEY, EXPECTED_VERSION, TIME_TO_LIVE] {
            assert!(!bare.contains_key(name), "{name}");
        }
        let full = headers(
            &Command::put("/people", &1)
                .key(r#"a"b\c"#)
                .expected_version(0)
                .time_to_live(Duration::from_millis(1_500)),
        );
        assert_eq!(full[IDEMPOTENCY_KEY], r#""a\"b\\c""#);
        assert_eq!(full[EXPECTED_VERSION], "0");
        assert_eq!(full[TIME_TO_LIVE], "1500");
    }

    #[test]
    fn each_submission_has_its_own_key() {
        let command = Command::post("/people", &1);
        assert_ne!(command.key_of_submission(), command.key_of_submission());
    }
}
