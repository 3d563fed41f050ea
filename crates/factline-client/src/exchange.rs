//! One request and its answer, and what an answer means for another try.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};

use crate::error::Trouble;
use crate::problem::Problem;

/// What a service said, to the end.
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

    /// When the service wants to be asked again: seconds or a date, see RFC 9110.
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

    fn may_pass(&self) -> bool {
        matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        )
    }
}

/// How one try of a request ended.
#[derive(Debug)]
pub(crate) enum Tried {
    /// With an answer that will not change by asking again.
    Answered(Answer),
    /// With something that may pass.
    InTheWay(Obstacle),
    /// Before it began: there is no such address, or no such body.
    Unsendable(reqwest::Error),
}

/// What is in the way of a request.
#[derive(Debug)]
pub(crate) struct Obstacle {
    pub(crate) trouble: Trouble,
    /// What the service asked to wait.
    pub(crate) at_least: Option<Duration>,
    /// Whether the service may have done what was asked.
    pub(crate) perhaps_done: bool,
}

/// Tries once.
pub(crate) async fn try_once(request: RequestBuilder) -> Tried {
    let answer = match exchange(request).await {
        Ok(answer) if !answer.may_pass() => return Tried::Answered(answer),
        Ok(answer) => answer,
        Err(error) if error.is_builder() => return Tried::Unsendable(error),
        Err(error) => {
            return Tried::InTheWay(Obstacle {
                at_least: None,
                perhaps_done: !error.is_connect(),
                trouble: Trouble::NoAnswer(error),
            });
        }
    };
    let problem = answer.problem();
    let perhaps_done = match problem.member("outcome") {
        Some(outcome) => outcome != "not_accepted",
        // Something between us and the service gave up on it, who knows when.
        None => matches!(
            answer.status,
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
        ),
    };
    Tried::InTheWay(Obstacle {
        trouble: Trouble::Answer(problem),
        at_least: answer.retry_after(),
        perhaps_done,
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
