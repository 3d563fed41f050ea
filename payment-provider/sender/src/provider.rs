//! Calls to the provider, and the meaning of its responses.
//!
//! | response | meaning |
//! |---|---|
//! | 2xx | accepted; the result comes by webhook |
//! | 400, 422 | permanently refused: see [`Answer::Refused`] |
//! | anything else, or none | temporary: a fault of the provider, the network, or this client's configuration (401, 404) |
//!
//! The last kind is retried without limit. It says nothing about the payment, so no conclusion may
//! be drawn from it, unless the provider answers for other payments meanwhile: see
//! [`circuit`](crate::circuit).

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde::Serialize;

use crate::request::{Refused, Request};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of characters that are kept of a refusal's text.
const LONGEST_DETAIL: usize = 300;

/// The provider's interface.
#[derive(Debug, Clone)]
pub struct Provider {
    http: reqwest::Client,
    url: String,
    callback: String,
}

/// The provider's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The provider executes the request.
    Accepted,
    /// The provider refuses the request, and would refuse a retry.
    Refused(Refused),
}

/// The provider is temporarily unavailable.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// There was no response.
    #[error("no response from the provider")]
    NoResponse(#[from] reqwest::Error),
    /// The response says nothing about the payment.
    #[error("the provider answered {0}")]
    Status(StatusCode),
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    request: &'a Request,
    callback: &'a str,
}

impl Provider {
    /// Creates a client of the provider at this URL. The provider calls back to the other URL.
    /// Opens no connection.
    pub fn new(url: &str, callback: &str) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: reqwest::Client::builder().timeout(TIMEOUT).build()?,
            url: url.trim_end_matches('/').to_owned(),
            callback: callback.to_owned(),
        })
    }

    /// Makes one attempt.
    pub async fn ask(&self, key: &str, request: &Request) -> Result<Answer, Unavailable> {
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

    async fn exchange(&self, key: &str, request: &Request) -> Result<Answer, Unavailable> {
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
            status => Err(Unavailable::Status(status)),
        }
    }
}

/// Parses a refusal. Whatever its text, it is a refusal. Values that payment would refuse are not
/// passed on: an invalid code, unprintable characters, and text beyond the limit.
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
    fn refusal_code_is_valid_for_payment() {
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
    fn refusal_text_is_valid_for_payment() {
        let detail = format!("no\n\0{}", "x".repeat(5000));
        let long = serde_json::json!({"code": "closed", "detail": detail}).to_string();
        let read = refused(long.as_bytes()).detail;
        assert!(read.starts_with("no  xxx"), "{read}");
        assert_eq!(read.len(), 300);
    }
}
