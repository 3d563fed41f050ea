//! Responses of the edge: 202 with every address that the client needs, or a problem.

use std::error::Error as _;
use std::ops::RangeInclusive;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use factline_http::Problem;
use factline_http::accepted::{Addresses, NOT_ACCEPTED, UNKNOWN};
use factline_http::problem::FieldError;
use uuid::Uuid;

use crate::found::MAX_ERRORS;
use factline_kafka::producer::append::Failure;

/// Seconds after which a client should send a command for a new aggregate again.
const CAPACITY_SECONDS: RangeInclusive<u32> = 5..=15;

/// A valid command that is being appended to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The operation.
    pub operation: Uuid,
    /// The aggregate's id.
    pub resource_id: String,
    /// The aggregate's address, relative to the origin.
    pub resource: String,
    /// Set if the request has an idempotency key. Then the same request is the same operation.
    pub keyed: bool,
}

impl Accepted {
    /// Returns 202 for a command at `place`, as `topic/partition@offset`.
    pub fn answer(&self, place: &str) -> Response {
        self.addresses().accepted(Some(place))
    }

    /// Returns the address of the operation of a command at `place`.
    pub(crate) fn location(&self, place: &str) -> String {
        self.addresses().location(Some(place))
    }

    /// Returns 503 for a command that is certainly not in the log.
    pub fn not_accepted(&self, detail: &str) -> Problem {
        self.addresses().unavailable(detail, NOT_ACCEPTED)
    }

    /// Returns 503 for a command for a new aggregate that its handler would reject (`capacity`).
    pub(crate) fn no_capacity(&self) -> Problem {
        // Spread out, so that clients do not return together.
        let seconds = rand::random_range(CAPACITY_SECONDS);
        self.addresses().refused(no_capacity(seconds), NOT_ACCEPTED)
    }

    /// Returns 503 for a command that was not acknowledged, and logs the cause.
    pub fn failed(&self, command: &str, failure: &Failure) -> Problem {
        let operation = self.operation;
        let cause = failure.source().map(ToString::to_string);
        tracing::error!(%operation, command, error = %failure, cause, "cannot append a command");
        match failure {
            Failure::NotAppended(_) => self.not_accepted("the log cannot be reached"),
            Failure::Unknown(_) => {
                let advice = if self.keyed {
                    "it is safe to send the same request with the same Idempotency-Key again"
                } else {
                    "request the operation before you retry"
                };
                let lost = "the command was sent and its acknowledgement was lost";
                let detail = format!("{lost}; {advice}");
                self.addresses().unavailable(&detail, UNKNOWN)
            }
        }
    }

    fn addresses(&self) -> Addresses<'_> {
        Addresses {
            operation: self.operation,
            resource_id: &self.resource_id,
            resource: Some(&self.resource),
        }
    }
}

/// Returns a problem of a command for a new aggregate, for which its handler has no memory.
pub(crate) fn no_capacity(retry_after_seconds: u32) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "no-capacity",
        "There is no capacity for new resources",
    )
    .detail("resources that exist can still be changed")
    .header(RETRY_AFTER, retry_after_seconds.to_string())
}

/// Returns 400 that names every bad field and header once.
pub fn invalid(mut errors: Vec<FieldError>) -> Problem {
    let mut seen = std::collections::HashSet::new();
    errors.retain(|error| seen.insert((error.pointer.clone(), error.parameter.clone())));
    let count = errors.len();
    let plural = if count == 1 { "field is" } else { "fields are" };
    let shown = if count > MAX_ERRORS {
        format!("; only the first {MAX_ERRORS} are listed")
    } else {
        String::new()
    };
    let problem = Problem::invalid_request().detail(format!("{count} {plural} wrong{shown}"));
    errors
        .into_iter()
        .take(MAX_ERRORS)
        .fold(problem, Problem::error)
}
