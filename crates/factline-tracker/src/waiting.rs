//! `Prefer: wait=N` on `GET /operations/{id}`: the response waits until the operation has ended.
//!
//! A client that has a representation already (`If-None-Match`) waits until it is another one. When
//! the time is over, or the process drains, the response is what the operation is then.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::IF_NONE_MATCH;
use axum::response::Response;
use factline_http::{Problem, prefer};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::barrier::{Answer, Error};
use crate::http::{Answers, respond};
use crate::observation::RecordId;

/// Finds an operation, and waits for its end for at most this time.
pub(crate) async fn find(
    answers: &Answers,
    id: Uuid,
    hint: Option<&RecordId>,
    request: &HeaderMap,
    wait: Duration,
) -> Result<Response, Problem> {
    let wait = wait.min(answers.max_wait);
    let until = Instant::now() + wait;
    let waiting = async {
        let mut watched = answers.watch.operation(id);
        let mut answer = answers.barrier.find(id, hint).await;
        loop {
            match &answer {
                Ok(Answer::Found(found)) if !found.operation.has_ended() => {}
                _ => return respond(answers, id, request, answer),
            }
            if request.contains_key(IF_NONE_MATCH) {
                let response = respond(answers, id, request, answer)?;
                if response.status() == axum::http::StatusCode::OK {
                    return Ok(response);
                }
            }
            answer = Ok(Answer::Found(watched.next().await));
        }
    };
    let ended = answers.shutdown.run_until_cancelled(waiting);
    let mut response = match timeout_at(until, ended).await {
        Ok(Some(response)) => response?,
        Ok(None) | Err(_) => respond(answers, id, request, look(answers, id, hint).await)?,
    };
    let headers = response.headers_mut();
    headers.insert(prefer::PREFERENCE_APPLIED, prefer::applied(wait));
    Ok(response)
}

/// Looks once more at an operation for which the time is over.
async fn look(answers: &Answers, id: Uuid, hint: Option<&RecordId>) -> Result<Answer, Error> {
    answers.barrier.find(id, hint).await
}
