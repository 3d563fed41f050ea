//! Responses about a command that is appended to the log: 202 with every address that the client
//! needs, or a problem that says whether the command may be in the log.
//!
//! The edge answers commands with them, and the tracker requests to cancel one.

use axum::Json;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use uuid::Uuid;

use crate::Problem;

/// The header with the operation's address, relative to the origin.
pub const X_OPERATION: HeaderName = HeaderName::from_static("x-operation");
/// The header with the address of the command's resource, relative to the origin.
pub const X_RESOURCE: HeaderName = HeaderName::from_static("x-resource");

/// The `outcome` of a command that is certainly not in the log.
pub const NOT_ACCEPTED: &str = "not_accepted";
/// The `outcome` of a command that may be in the log.
pub const UNKNOWN: &str = "unknown";

/// Seconds after which a client should request the operation, or retry a failed append.
const SECONDS: u32 = 1;

/// An operation, and the resource that its command is about.
#[derive(Debug, Clone, Copy)]
pub struct Addresses<'a> {
    /// The operation.
    pub operation: Uuid,
    /// The aggregate's id.
    pub resource_id: &'a str,
    /// The aggregate's address, relative to the origin; none if clients cannot read it.
    pub resource: Option<&'a str>,
}

impl Addresses<'_> {
    /// Returns 202. `place` is that of the command's record, see [`location`](Self::location).
    pub fn accepted(&self, place: Option<&str>) -> Response {
        let operation = self.operation;
        let mut body = json!({
            "operation": {"id": operation, "href": format!("/operations/{operation}")},
        });
        if let Some(resource) = self.resource {
            body["resource"] = json!({"id": self.resource_id, "href": format!("/{resource}")});
        }
        let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
        let texts = [
            (LOCATION, Some(self.location(place))),
            (X_OPERATION, Some(format!("operations/{operation}"))),
            (X_RESOURCE, self.resource.map(str::to_owned)),
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

    /// Returns the address of the operation. It contains the place of the command's record, as
    /// `topic/partition@offset`, as a hint that is opaque to clients. The hint tells the tracker
    /// how far it must have read before it may report that there is no such operation.
    pub fn location(&self, place: Option<&str>) -> String {
        let operation = self.operation;
        match place {
            Some(place) => {
                let hint = URL_SAFE_NO_PAD.encode(place);
                format!("/operations/{operation}?at={hint}")
            }
            None => format!("/operations/{operation}"),
        }
    }

    /// Returns 503 with this `outcome`, see [`refused`](Self::refused).
    pub fn unavailable(&self, detail: &str, outcome: &str) -> Problem {
        self.refused(Problem::unavailable(detail, SECONDS), outcome)
    }

    /// Adds the addresses to a problem, and whether the command is in the log ([`NOT_ACCEPTED`] or
    /// [`UNKNOWN`]).
    pub fn refused(&self, problem: Problem, outcome: &str) -> Problem {
        let operation = format!("operations/{}", self.operation);
        let problem = problem
            .member("outcome", outcome)
            .member("operation", operation.as_str())
            .header(X_OPERATION, operation);
        match self.resource {
            Some(resource) => problem
                .member("resource", resource)
                .header(X_RESOURCE, resource),
            None => problem,
        }
    }
}
