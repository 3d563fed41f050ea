//! Writes cancels to the log, and answers the requests for them.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::Utc;
use factline::Contract;
use factline::avro::Codec;
use factline::cancel::{self, Cancel};
use factline_http::Problem;
use factline_http::accepted::{Addresses, NOT_ACCEPTED, UNKNOWN};
use factline_kafka::producer::append::{Append, Appender, Failure, headers};
use factline_kafka::records::framing;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Registry};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// The source of the records that this service writes.
const SOURCE: &str = "/operations-tracker";

/// Time limit for the brokers to acknowledge a cancel.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The writer of cancels.
pub struct Cancels {
    pub(super) targets: HashMap<&'static str, Target>,
    registry: Registry,
    appender: Appender,
    datum: Vec<u8>,
}

/// The commands of an aggregate type.
pub(super) struct Target {
    topic: String,
    partitions: i32,
    /// Id of the schema of a cancel, once the registry has returned it.
    schema: OnceCell<i32>,
}

/// A request to cancel an operation.
pub(super) struct Request<'c> {
    pub(super) target: &'c Target,
    /// The operation to cancel.
    pub(super) cancels: Uuid,
    /// The request's own operation.
    pub(super) operation: Uuid,
    /// Id of the aggregate.
    pub(super) subject: String,
    /// Address of the aggregate.
    pub(super) resource: Option<String>,
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

    /// Appends the record of a request. Returns its place, as `topic/partition@offset`.
    pub(super) async fn append(&self, request: &Request<'_>) -> Result<String, Problem> {
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
            let detail = "the schema registry does not answer";
            request.addresses().unavailable(detail, NOT_ACCEPTED)
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
        Ok(format!("{topic}/{}@{}", place.partition, place.offset))
    }
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
    /// Creates 202. The place of the record is a hint in the address.
    pub(super) fn accepted(&self, place: Option<&str>) -> Response {
        self.addresses().accepted(place)
    }

    fn addresses(&self) -> Addresses<'_> {
        Addresses {
            operation: self.operation,
            resource_id: &self.subject,
            resource: self.resource.as_deref(),
        }
    }

    /// Creates 503 for a record that was not acknowledged, and logs the cause.
    fn failed(&self, failure: &Failure) -> Problem {
        let operation = self.operation;
        let cause = failure.source().map(ToString::to_string);
        tracing::error!(%operation, error = %failure, cause, "cannot append a cancel");
        let addresses = self.addresses();
        match failure {
            Failure::NotAppended(_) => {
                addresses.unavailable("the log cannot be reached", NOT_ACCEPTED)
            }
            Failure::Unknown(_) => addresses.unavailable(
                "the request was sent and its acknowledgement was lost; it is safe to send it again",
                UNKNOWN,
            ),
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
