//! `POST /webhooks/{id}/enable`: asks the receiver whether it agrees, and enables the webhook.
//!
//! The request waits for the answer, so that the caller sees the reason of a refusal. A challenge
//! is not part of the registration: the receiver needs the secret to check the signature, and the
//! registration returns it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use factline_http::{Path, Problem};
use uuid::Uuid;

use crate::answers::{Answers, database};

use super::attempt::Message;
use super::registration::{no_webhook, respond, webhook_id};
use super::shown::ShownWebhook;
use super::signature::Secret;
use super::{event, store};

/// Handles `POST /webhooks/{id}/enable`.
pub(crate) async fn enable(
    State(answers): State<Answers>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = webhook_id(&id)?;
    let webhook = store::find(&answers.pool, id).await;
    let webhook = webhook.map_err(|error| database(&error))?;
    let webhook = webhook.ok_or_else(|| no_webhook(id))?;
    if webhook.state == "active" {
        return respond(StatusCode::OK, &ShownWebhook::new(webhook));
    }
    let permits = &answers.webhooks.0.challenges;
    let _permit = permits
        .try_acquire()
        .map_err(|_| Problem::unavailable("too many webhooks are being enabled", 5))?;
    let target = store::begin_challenge(&answers.pool, id).await;
    let target = target.map_err(|error| database(&error))?;
    let (url, secrets) = target
        .ok_or_else(|| Problem::too_many_requests("the receiver was challenged a moment ago", 1))?;
    challenge(&answers, id, &url, &secrets).await?;
    let activated = store::activate(&answers.pool, id).await;
    let activated = activated.map_err(|error| database(&error))?;
    let activated = activated.ok_or_else(|| no_webhook(id))?;
    respond(StatusCode::OK, &ShownWebhook::new(activated))
}

/// Sends a random token, and expects exactly this token as the body of the answer. A server that
/// sends back whatever it gets would send back more.
async fn challenge(
    answers: &Answers,
    webhook: Uuid,
    url: &str,
    secrets: &[Secret],
) -> Result<(), Problem> {
    let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
    let body = event::challenge(webhook, &token, Utc::now());
    let message = Message {
        url,
        id: Uuid::now_v7(),
        body: &body,
        secrets,
    };
    let failed = |detail: String| Err(challenge_failed().detail(detail));
    let sent = Box::pin(answers.webhooks.0.sender.send(&message)).await;
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => return failed(error),
    };
    if !answer.status.is_success() {
        return failed(format!(
            "the receiver responded with status {}",
            answer.status
        ));
    }
    let text = answer.text().await;
    if text.as_deref().map(str::trim) != Some(token.as_str()) {
        return failed("the body of the response is not the token".to_owned());
    }
    Ok(())
}

/// Creates the problem of a receiver that does not agree.
pub(crate) fn challenge_failed() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "challenge-failed",
        "The receiver did not answer the challenge",
    )
}
