//! `Prefer: wait=N` on `GET /operations/{id}`: the response waits until the operation has ended.
//!
//! A client that has a representation already (`If-None-Match`) waits until it is another one. When
//! the time is over, or the process drains, the response is what the operation is then.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::IF_NONE_MATCH;
use axum::response::Response;
use factline_http::{Problem, prefer};
use tokio::time::{Instant, timeout_at};

use crate::answers::{Answers, Asked, look, respond};
use crate::barrier::Answer;

/// Finds an operation, and waits for its end for at most this time.
pub(crate) async fn find(
    answers: &Answers,
    asked: &Asked<'_>,
    wait: Duration,
) -> Result<Response, Problem> {
    let wait = wait.min(answers.max_wait);
    let until = Instant::now() + wait;
    let waiting = async {
        let mut watched = answers.watch.operation(asked.id);
        let mut answer = look(answers, asked).await;
        loop {
            match &answer {
                Ok(Answer::Found(found)) if !found.operation.has_ended() => {}
                _ => return respond(answers, asked, answer).await,
            }
            if asked.headers.contains_key(IF_NONE_MATCH) {
                let response = respond(answers, asked, answer).await?;
                if response.status() == StatusCode::OK {
                    return Ok(response);
                }
            }
            answer = Ok(Answer::Found(watched.next().await));
        }
    };
    let ended = answers.shutdown.run_until_cancelled(waiting);
    let mut response = match timeout_at(until, ended).await {
        Ok(Some(response)) => response?,
        Ok(None) | Err(_) => respond(answers, asked, look(answers, asked).await).await?,
    };
    let headers = response.headers_mut();
    headers.insert(prefer::PREFERENCE_APPLIED, prefer::applied(wait));
    Ok(response)
}
