//! `DELETE /operations/{id}`: asks for the cancellation of an operation.
//!
//! The request becomes a record in the partition of the operation's command, and an operation of
//! its own. The handler decides in the order of the partition whether the cancel or the command is
//! first. So this service never says that an operation is cancelled: it refuses what is certain to
//! be too late, and accepts everything else.

pub mod writer;

use axum::extract::State;
use axum::response::Response;
use factline::outcome::OutcomeKind;
use factline::{cancel, id};
use factline_http::{Path, Problem, Query};

use crate::answers::{Answers, Hint, database, found, operation_id, read_hint};
use crate::store::{self, Operation};

pub use writer::Cancels;
use writer::{Request, not_cancellable, too_late};

/// Handles `DELETE /operations/{id}`.
pub(crate) async fn cancel(
    State(answers): State<Answers>,
    Path(id): Path<String>,
    Query(Hint { at }): Query<Hint>,
) -> Result<Response, Problem> {
    let id = operation_id(&id)?;
    let hint = read_hint(&answers, at.as_deref())?;
    let answer = answers.barrier.find(id, hint.as_ref()).await;
    let found = found(&answers, id, answer)?;
    let request = read(&answers, &found.operation)?;
    // A request that was made before is the same operation. Its record is in the log.
    match store::find(&answers.pool, request.operation).await {
        Ok(Some(_)) => Ok(request.accepted(None)),
        Ok(None) => {
            let place = answers.cancels.append(&request).await?;
            Ok(request.accepted(Some(&place)))
        }
        Err(error) => Err(database(&error)),
    }
}

/// Reads a request to cancel an operation, or refuses it.
fn read<'c>(answers: &'c Answers, operation: &Operation) -> Result<Request<'c>, Problem> {
    if operation.has_ended() {
        let state = operation.state.as_str();
        let text = format!("the operation has ended as {state}");
        return Err(too_late().detail(text).member("state", state));
    }
    let is_command = operation.kind == OutcomeKind::Command.as_str();
    if !is_command || operation.name == cancel::SCHEMA.name {
        return Err(not_cancellable());
    }
    let target = answers.cancels.targets.get(operation.aggregate.as_str());
    let (Some(target), Some(subject)) = (target, operation.resource_id.clone()) else {
        return Err(not_cancellable());
    };
    Ok(Request {
        target,
        cancels: operation.id,
        operation: id::cancel(operation.id),
        resource: answers.resources.of(&operation.aggregate, &subject),
        subject,
    })
}
