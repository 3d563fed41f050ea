//! Asking the provider, and what its answers mean.
//!
//! | answer | means |
//! |---|---|
//! | 2xx | it has understood; the end comes by webhook |
//! | 400, 422 | it will never do this: see [`Answer::Refused`] |
//! | anything else, or none | not now: a fault of the provider, the network, or of how we are set up there (401, 404) |
//!
//! The last is asked again for ever: it says nothing about the payment, so nothing may be concluded from it.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::request::Request;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The most that is taken over of a refusal's words, in characters.
const LONGEST_DETAIL: usize = 300;

/// The provider's interface.
#[derive(Debug, Clone)]
pub struct Provider {
    http: reqwest::Client,
    url: String,
    callback: String,
}

/// What the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It does it.
    Accepted,
    /// It does not, and will not when it is asked again.
    Refused(Refused),
}

/// Why the provider will never do something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("the provider refuses it as {code}: {detail}")]
pub struct Refused {
    /// A stable code.
    pub code: String,
    /// The same for people.
    #[serde(default)]
    pub detail: String,
}

/// The provider cannot be asked now.
#[derive(Debug, thiserror::Error)]
pub enum Away {
    /// There was no answer.
    #[error("the provider does not answer")]
    Silent(#[from] reqwest::Error),
    /// There was one that says nothing about the payment.
    #[error("the provider answers {0}")]
    Status(StatusCode),
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    request: &'a Request,
    callback: &'a str,
}

impl Provider {
    /// The provider at this URL; it will call back to that one. Opens no connection.
    pub fn new(url: &str, callback: &str) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: reqwest::Client::builder().timeout(TIMEOUT).build()?,
            url: url.trim_end_matches('/').to_owned(),
            callback: callback.to_owned(),
        })
    }

    /// Asks once.
    pub async fn ask(&self, key: &str, request: &Request) -> Result<Answer, Away> {
        let kind = request.path();
        let begun = Instant::now();
        let answer = self.exchange(key, request).await;
        metrics::histogram!("factline_provider_request_seconds", "kind" => kind)
            .record(begun.elapsed().as_secs_f64());
        let result = match &answer {
            Ok(Answer::Accepted) => "accepted",
            Ok(Answer::Refused(_)) => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("factline_provider_requests_total", "kind" => kind, "result" => result)
            .increment(1);
        answer
    }

    async fn exchange(&self, key: &str, request: &Request) -> Result<Answer, Away> {
        let body = Body {
            request,
            callback: &self.callback,
        };
        let url = format!("{}/{}", self.url, request.path());
        let asked = self.http.post(url).header("idempotency-key", key);
        let answer = asked.json(&body).send().await?;
        match answer.status() {
            status if status.is_success() => Ok(Answer::Accepted),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                let text = answer.bytes().await?;
                Ok(Answer::Refused(refused(&text)))
            }
            status => Err(Away::Status(status)),
        }
    }
}

/// A refusal is one, whatever its words are. What payment would not take is not passed on: a code that is none, what
/// cannot be printed, and more words than anybody reads.
fn refused(text: &[u8]) -> Refused {
    let read: Option<Refused> = serde_json::from_slice(text).ok();
    let (code, detail) = match read {
        Some(refused) if is_code(&refused.code) => (refused.code, sentence(&refused.detail)),
        _ => ("refused_by_provider".to_owned(), String::new()),
    };
    Refused { code, detail }
}

fn sentence(text: &str) -> String {
    let printable = text
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    printable.take(LONGEST_DETAIL).collect()
}

fn is_code(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_a_code_that_payment_takes() {
        let read = refused(br#"{"code": "card_stolen", "detail": "call the police"}"#);
        assert_eq!(
            (read.code.as_str(), read.detail.as_str()),
            ("card_stolen", "call the police")
        );
        for text in ["", "<html>", r#"{"code": ""}"#, r#"{"code": "a\u0000"}"#] {
            assert_eq!(
                refused(text.as_bytes()).code,
                "refused_by_provider",
                "{text}"
            );
        }
    }

    #[test]
    fn a_refusal_has_words_that_payment_takes() {
        let detail = format!("no\n\0{}", "x".repeat(5000));
        let long = serde_json::json!({"code": "closed", "detail": detail}).to_string();
        let read = refused(long.as_bytes()).detail;
        assert!(read.starts_with("no  xxx"), "{read}");
        assert_eq!(read.len(), 300);
    }
}
