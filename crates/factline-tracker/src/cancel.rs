//! `DELETE /operations/{id}`: asks for the cancellation of an operation.
//!
//! The request becomes a record in the partition of the operation's command, and an operation of
//! its own. The handler decides in the order of the partition whether the cancel or the command is
//! first. So this service never says that an operation is cancelled: it refuses what is certain to
//! be too late, and accepts everything else.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Json;
use axum::extract::State;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::Utc;
use factline::avro::Codec;
use factline::cancel::{self, Cancel};
use factline::outcome::OutcomeKind;
use factline::{Contract, id};
use factline_http::{Path, Problem, Query};
use factline_kafka::producer::append::{Append, Appender, Failure, headers};
use factline_kafka::records::framing;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry};
use serde_json::json;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::hint;
use crate::http::{self, Answers, Hint};
use crate::observation::RecordId;
use crate::store::{self, Operation};

/// The source of the records that this service writes.
const SOURCE: &str = "/operations-tracker";

/// Time limit for the brokers to acknowledge a cancel.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Seconds after which a client should request the operation, or retry a failed append.
const SECONDS: u32 = 1;

const X_OPERATION: HeaderName = HeaderName::from_static("x-operation");
const X_RESOURCE: HeaderName = HeaderName::from_static("x-resource");

/// The writer of cancels.
pub struct Cancels {
    targets: HashMap<&'static str, Target>,
    registry: Registry,
    appender: Appender,
    datum: Vec<u8>,
}

/// The commands of an aggregate type.
struct Target {
    topic: String,
    partitions: i32,
    /// Id of the schema of a cancel, once the registry has returned it.
    schema: OnceCell<i32>,
}

/// A request to cancel an operation.
struct Request<'c> {
    target: &'c Target,
    /// The operation to cancel.
    cancels: Uuid,
    /// The request's own operation.
    operation: Uuid,
    /// Id of the aggregate.
    subject: String,
    /// Address of the aggregate.
    resource: Option<String>,
}

impl Cancels {
    /// Creates the writer for these contracts. Opens no connection.
    ///
    /// # Errors
    /// If an option of the Kafka client is invalid.
    pub fn new(kafka: &KafkaConfig, contracts: &[&'static Contract]) -> anyhow::Result<Arc<Self>> {
        let target = |contract: &&'static Contract| {
            let target = Target {
                topic: kafka.topics(contract).commands().to_owned(),
                partitions: kafka.contract(contract).partitions,
                schema: OnceCell::new(),
            };
            (contract.aggregate, target)
        };
        let mut client = kafka.client_config();
        client.set("client.id", "operations-tracker");
        let codec = Codec::parse(cancel::SCHEMA.json).context("cannot parse the kit's schema")?;
        Ok(Arc::new(Self {
            targets: contracts.iter().map(target).collect(),
            registry: Registry::of(kafka),
            appender: Appender::new(client, APPEND_TIMEOUT)
                .context("cannot create a Kafka producer")?,
            datum: codec.encode(&Cancel {}).context("cannot encode a cancel")?,
        }))
    }

    /// Appends the record of a request. Returns its location.
    async fn append(&self, request: &Request<'_>) -> Result<RecordId, Problem> {
        let Target {
            topic,
            partitions,
            schema,
        } = request.target;
        let register = || self.registry.register(topic, &cancel::SCHEMA);
        let schema = schema.get_or_try_init(register).await.map_err(|error| {
            tracing::warn!(
                topic,
                error = &error as &dyn std::error::Error,
                "cannot find a schema"
            );
            request.unavailable("the schema registry does not answer", "not_accepted")
        })?;
        let envelope = cancel::envelope(request.cancels, SOURCE, &request.subject, Utc::now());
        let value = framing::write(*schema, &self.datum);
        let appended = self.appender.append(Append {
            topic,
            partition: partition_of(request.subject.as_bytes(), *partitions),
            key: request.subject.as_bytes(),
            headers: headers(envelope.to_headers()),
            value: &value,
        });
        let place = appended.await.map_err(|failure| request.failed(&failure))?;
        Ok(RecordId {
            topic: topic.clone(),
            partition: place.partition,
            offset: place.offset,
        })
    }
}

/// Handles `DELETE /operations/{id}`.
pub(crate) async fn cancel(
    State(answers): State<Answers>,
    Path(id): Path<String>,
    Query(Hint { at }): Query<Hint>,
) -> Result<Response, Problem> {
    let id = http::operation_id(&id)?;
    let hint = http::read_hint(&answers, at.as_deref())?;
    let found = answers.barrier.find(id, hint.as_ref()).await;
    let found = http::found(&answers, id, found)?;
    let request = read(&answers, &found.operation)?;
    // A request that was made before is the same operation. Its record is in the log.
    match store::find(&answers.pool, request.operation).await {
        Ok(Some(_)) => Ok(request.accepted(None)),
        Ok(None) => {
            let record = answers.cancels.append(&request).await?;
            Ok(request.accepted(Some(&record)))
        }
        Err(error) => Err(http::database(&error)),
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

/// Creates the problem of an operation that has ended.
pub(crate) fn too_late() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "too-late",
        "The operation has ended already",
    )
}

/// Creates the problem of an operation that is neither a command nor a workflow.
pub(crate) fn not_cancellable() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "not-cancellable",
        "The operation cannot be cancelled",
    )
    .detail("only commands can be cancelled: no deadline, no cancel, and no unreadable command")
}

impl Request<'_> {
    /// Creates 202. The location of the record is a hint in the address.
    fn accepted(&self, record: Option<&RecordId>) -> Response {
        let operation = self.operation;
        let mut body = json!({
            "operation": {"id": operation, "href": format!("/operations/{operation}")},
        });
        if let Some(resource) = &self.resource {
            body["resource"] = json!({"id": self.subject, "href": format!("/{resource}")});
        }
        let hint = record.map(|record| format!("?at={}", hint::write(record)));
        let location = format!("/operations/{operation}{}", hint.unwrap_or_default());
        let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
        let texts = [
            (LOCATION, Some(location)),
            (X_OPERATION, Some(format!("operations/{operation}"))),
            (X_RESOURCE, self.resource.clone()),
            (RETRY_AFTER, Some(SECONDS.to_string())),
        ];
        for (name, text) in texts {
            // A path of a contract that a header cannot contain is in the body only.
            if let Some(Ok(value)) = text.as_deref().map(HeaderValue::from_str) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// Creates 503 for a record that was not acknowledged, and logs the cause.
    fn failed(&self, failure: &Failure) -> Problem {
        let operation = self.operation;
        let cause = failure.source().map(ToString::to_string);
        tracing::error!(%operation, error = %failure, cause, "cannot append a cancel");
        match failure {
            Failure::NotAppended(_) => {
                self.unavailable("the log cannot be reached", "not_accepted")
            }
            Failure::Unknown(_) => self.unavailable(
                "the request was sent and its acknowledgement was lost; it is safe to send it again",
                "unknown",
            ),
        }
    }

    fn unavailable(&self, detail: &str, outcome: &str) -> Problem {
        let operation = format!("operations/{}", self.operation);
        let problem = Problem::unavailable(detail, SECONDS)
            .member("outcome", outcome)
            .member("operation", operation.as_str())
            .header(X_OPERATION, operation);
        match &self.resource {
            Some(resource) => problem
                .member("resource", resource.as_str())
                .header(X_RESOURCE, resource),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::KafkaError;

    use super::*;

    #[test]
    fn lost_acknowledgement_names_the_operation() {
        let target = Target {
            topic: "catalog.product.commands".to_owned(),
            partitions: 1,
            schema: OnceCell::new(),
        };
        let request = Request {
            target: &target,
            cancels: Uuid::from_u128(1),
            operation: Uuid::from_u128(2),
            subject: "p-1".to_owned(),
            resource: Some("products/p-1".to_owned()),
        };
        for (failure, outcome) in [
            (Failure::NotAppended(KafkaError::Canceled), "not_accepted"),
            (Failure::Unknown(KafkaError::Canceled), "unknown"),
        ] {
            let problem = request.failed(&failure);
            assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
            let body = problem.to_json();
            let operation = format!("operations/{}", request.operation);
            assert_eq!(
                (&body["outcome"], &body["operation"], &body["resource"]),
                (&outcome.into(), &operation.into(), &"products/p-1".into())
            );
            assert!(problem.has_header("x-operation") && problem.has_header("retry-after"));
        }
    }
}
