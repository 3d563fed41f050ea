//! Problem details (RFC 9457), as a client reads them.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Maximum number of characters of a response that is not a problem document that are repeated in
/// an error.
const MOST_TEXT: usize = 500;

/// A refusal or failure that a service reports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// URI of the kind of problem; `about:blank` adds nothing to the status.
    #[serde(rename = "type", default = "blank")]
    pub kind: String,
    /// Human-readable form of the kind.
    #[serde(default)]
    pub title: String,
    /// Description of this occurrence.
    pub detail: Option<String>,
    /// Stable code, finer than the kind.
    pub code: Option<String>,
    /// The errors of the request, field by field.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// Members that only this kind has.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

/// One error of a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// JSON pointer into the body.
    pub pointer: Option<String>,
    /// Name of a parameter or header.
    pub parameter: Option<String>,
    /// Description of the error.
    pub detail: String,
}

impl Problem {
    /// Reads an unsuccessful response. A response that is not a problem document is converted to
    /// one, so that there is always a description.
    pub(crate) fn read(status: reqwest::StatusCode, body: &[u8]) -> Self {
        let read: Result<Self, _> = serde_json::from_slice(body);
        let mut problem = read.unwrap_or_else(|_| Self {
            status: 0,
            kind: blank(),
            title: String::new(),
            detail: text(body),
            code: None,
            errors: Vec::new(),
            members: Map::new(),
        });
        problem.status = status.as_u16();
        if problem.title.is_empty() {
            problem.title = status.canonical_reason().unwrap_or("no success").into();
        }
        problem
    }

    /// Returns the last part of the kind's URI.
    pub fn slug(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or(&self.kind)
    }

    /// Returns a member of this kind, if it is text.
    pub fn member(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }
}

fn blank() -> String {
    "about:blank".to_owned()
}

fn text(body: &[u8]) -> Option<String> {
    let text: String = String::from_utf8_lossy(body)
        .trim()
        .chars()
        .take(MOST_TEXT)
        .collect();
    (!text.is_empty()).then_some(text)
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.status, self.title)?;
        if let Some(detail) = &self.detail {
            write!(formatter, ": {detail}")?;
        }
        for error in &self.errors {
            let place = error.pointer.as_deref().or(error.parameter.as_deref());
            write!(
                formatter,
                "; {} {}",
                place.unwrap_or_default(),
                error.detail
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn problem_document_keeps_its_own_members() {
        let body = br#"{"type": "https://factline.dev/problems/unavailable", "title": "Unavailable", "status": 503,
            "detail": "no broker", "outcome": "unknown", "errors": [{"pointer": "/a", "detail": "is missing"}]}"#;
        let problem = Problem::read(StatusCode::SERVICE_UNAVAILABLE, body);
        assert_eq!(problem.slug(), "unavailable");
        assert_eq!(problem.member("outcome"), Some("unknown"));
        assert_eq!(
            problem.to_string(),
            "503 Unavailable: no broker; /a is missing"
        );
    }

    #[test]
    fn other_response_becomes_a_problem_document() {
        let problem = Problem::read(StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!(problem.to_string(), "502 Bad Gateway: <html>");
        assert_eq!(problem.kind, "about:blank");
        assert_eq!(
            Problem::read(StatusCode::BAD_GATEWAY, b"").to_string(),
            "502 Bad Gateway"
        );
    }
}
