//! One request and its response, and whether the response calls for a retry.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};

use crate::error::TransientFailure;
use crate::problem::Problem;

/// A complete response of a service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.to_owned())
    }

    pub(crate) fn problem(&self) -> Box<Problem> {
        Box::new(Problem::read(self.status, &self.body))
    }

    /// Returns the wait that the service asks for: seconds or a date, see RFC 9110.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = DateTime::parse_from_rfc2822(text).ok()?;
        Some(
            (date.with_timezone(&Utc) - Utc::now())
                .to_std()
                .unwrap_or_default(),
        )
    }

    fn is_transient(&self) -> bool {
        matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        )
    }
}

/// The result of one attempt of a request.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// A response that a retry would not change.
    Answered(Answer),
    /// A failure that may be transient.
    Transient(Transient),
    /// The request could not be sent: the address or the body is invalid.
    Unsendable(reqwest::Error),
}

/// A transient failure of a request.
#[derive(Debug)]
pub(crate) struct Transient {
    pub(crate) failure: TransientFailure,
    /// The wait that the service asked for.
    pub(crate) at_least: Option<Duration>,
    /// True if the service may have executed the request.
    pub(crate) may_be_executed: bool,
}

/// Makes one attempt.
pub(crate) async fn try_once(request: RequestBuilder) -> Attempt {
    let answer = match exchange(request).await {
        Ok(answer) if !answer.is_transient() => return Attempt::Answered(answer),
        Ok(answer) => answer,
        Err(error) if error.is_builder() => return Attempt::Unsendable(error),
        Err(error) => {
            return Attempt::Transient(Transient {
                at_least: None,
                may_be_executed: !error.is_connect(),
                failure: TransientFailure::NoAnswer(error),
            });
        }
    };
    let problem = answer.problem();
    let may_be_executed = match problem.member("outcome") {
        Some(outcome) => outcome != "not_accepted",
        // A gateway or proxy in between gave up, at an unknown point of the exchange.
        None => matches!(
            answer.status,
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
        ),
    };
    Attempt::Transient(Transient {
        failure: TransientFailure::Answer(problem),
        at_least: answer.retry_after(),
        may_be_executed,
    })
}

async fn exchange(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.bytes().await?.to_vec(),
    })
}
