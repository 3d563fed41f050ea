//! Problem details (RFC 9457): the common form of all error responses.

use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Base URI of the types of problems; the last part of a type's URI is its slug.
pub const TYPE_BASE: &str = "https://factline.dev/problems/";

/// A problem, ready to be sent as `application/problem+json`. One pointer wide, so that it is cheap
/// as an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<Contents>);

#[derive(Debug, Clone, PartialEq)]
struct Contents {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: Option<String>,
    code: Option<String>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One error of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body; the empty pointer is the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of a path or query parameter, or of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Description of the error.
    pub detail: String,
}

impl Problem {
    /// Creates a problem of a new type. Slug and title of a type never change; put the specifics of
    /// one occurrence in the detail.
    pub fn new(status: StatusCode, slug: &'static str, title: &'static str) -> Self {
        Self(Box::new(Contents {
            status,
            slug,
            title,
            detail: None,
            code: None,
            errors: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// Creates a 400: fields or parameters are invalid. Name each with [`Self::field`] or
    /// [`Self::parameter`].
    pub fn invalid_request() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-request",
            "The request is not valid",
        )
    }

    /// Creates a 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "The resource was not found",
        )
        .detail(detail)
    }

    /// Creates a 405; `allow` lists the methods that the resource has.
    pub fn method_not_allowed(allow: Option<&str>) -> Self {
        let problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The resource does not have this method",
        );
        match allow {
            Some(allow) => problem.header(ALLOW, allow),
            None => problem,
        }
    }

    /// Creates a 413; `limit` is in bytes.
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
        )
        .detail(format!("the body may have at most {limit} bytes"))
    }

    /// Creates a 415.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body's media type is not supported",
        )
        .detail(detail)
    }

    /// Creates a 503: a dependency of the service is unavailable. A retry after this number of
    /// seconds may succeed.
    pub fn unavailable(detail: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The service is temporarily unavailable",
        )
        .detail(detail)
        .header(RETRY_AFTER, retry_after_seconds.to_string())
    }

    /// Creates a 429: the caller sends more requests than it may. A retry after this number of
    /// seconds is permitted.
    pub fn too_many_requests(detail: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "The caller sends too many requests",
        )
        .detail(detail)
        .header(RETRY_AFTER, retry_after_seconds.to_string())
    }

    /// Creates a 500: logs the error with an id and returns only the id to the client.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let id = Uuid::now_v7();
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(problem = %id, error = text, "cannot answer request");
        Self::service_failed().member("instance", format!("urn:uuid:{id}"))
    }

    /// Creates a 500 without an id, for descriptions of the type. [`Self::internal`] also logs the
    /// cause.
    pub fn service_failed() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The service failed",
        )
    }

    /// Sets the human-readable description of this occurrence.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Sets a stable code for programs, finer than the type.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Adds an error of a field of the body.
    #[must_use]
    pub fn field(self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.error(FieldError {
            pointer: Some(pointer.into()),
            parameter: None,
            detail: detail.into(),
        })
    }

    /// Adds an error of a parameter of path or query, or of a header.
    #[must_use]
    pub fn parameter(self, name: impl Into<String>, detail: impl Into<String>) -> Self {
        self.error(FieldError {
            pointer: None,
            parameter: Some(name.into()),
            detail: detail.into(),
        })
    }

    /// Adds an error.
    #[must_use]
    pub fn error(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// Adds a member of this type's own. The members that every problem has cannot be replaced.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the response. A value that is invalid in a header is omitted, so that the
    /// problem itself can always be sent.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.0.headers.push((name, value));
        }
        self
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the name of the type, the last part of its URI.
    pub fn slug(&self) -> &'static str {
        self.0.slug
    }

    /// Returns the title of the type.
    pub fn title(&self) -> &'static str {
        self.0.title
    }

    /// Returns the URI of the type.
    pub fn type_uri(&self) -> String {
        format!("{TYPE_BASE}{}", self.0.slug)
    }

    /// Returns whether the response has this header in addition to those of every problem.
    pub fn has_header(&self, name: &str) -> bool {
        let mut headers = self.0.headers.iter();
        headers.any(|(own, _)| own.as_str().eq_ignore_ascii_case(name))
    }

    /// Returns the errors, in the order in which they were added.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// Returns the document.
    pub fn to_json(&self) -> Value {
        let mut document = self.0.members.clone();
        let mut put = |name: &str, value: Value| {
            document.insert(name.to_owned(), value);
        };
        put("type", self.type_uri().into());
        put("title", self.0.title.into());
        put("status", self.0.status.as_u16().into());
        if let Some(detail) = &self.0.detail {
            put("detail", detail.as_str().into());
        }
        if let Some(code) = &self.0.code {
            put("code", code.as_str().into());
        }
        if !self.0.errors.is_empty() {
            put("errors", serde_json::json!(self.0.errors));
        }
        Value::Object(document)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.0.status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.0.headers {
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn problem_document_has_every_member_once() {
        let problem = Problem::invalid_request()
            .detail("2 errors")
            .code("invalid_body")
            .field("/lines/0/quantity", "is missing")
            .parameter("id", "is not a UUID")
            .member("status", "cannot be replaced")
            .member("limit", 3);
        assert_eq!(
            problem.to_json(),
            json!({
                "type": "https://factline.dev/problems/invalid-request",
                "title": "The request is not valid",
                "status": 400,
                "detail": "2 errors",
                "code": "invalid_body",
                "errors": [
                    {"pointer": "/lines/0/quantity", "detail": "is missing"},
                    {"parameter": "id", "detail": "is not a UUID"},
                ],
                "limit": 3,
            })
        );
    }

    #[test]
    fn problem_headers_reach_the_response() {
        let response = Problem::unavailable("no broker", 2).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn internal_error_hides_its_text() {
        let error = std::io::Error::other("secret");
        let text = Problem::internal(&error).to_json().to_string();
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("urn:uuid:"), "{text}");
    }
}
