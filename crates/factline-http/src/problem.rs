//! Problem details (RFC 9457): the one form in which a service says no.

use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Where the types of problems live; the last part of a type's URI is its slug.
pub const TYPE_BASE: &str = "https://factline.dev/problems/";

/// A problem, ready to be sent as `application/problem+json`. One pointer wide, so that it is cheap as an error.
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

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body; the empty pointer is the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of a path or query parameter, or of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong with it.
    pub detail: String,
}

impl Problem {
    /// A problem of a type of one's own. Slug and title never change for a type; what is special about one
    /// occurrence belongs in the detail.
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

    /// 400: fields or parameters are not what they should be; name each with [`Self::field`] or
    /// [`Self::parameter`].
    pub fn invalid_request() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-request",
            "The request is not valid",
        )
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "The resource was not found",
        )
        .detail(detail)
    }

    /// 405; `allow` lists the methods that the resource has.
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

    /// 413; `limit` in bytes.
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
        )
        .detail(format!("the body may have at most {limit} bytes"))
    }

    /// 415.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body's media type is not supported",
        )
        .detail(detail)
    }

    /// 503: something that the service needs does not answer; trying again after so many seconds makes sense.
    pub fn unavailable(detail: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The service is temporarily unavailable",
        )
        .detail(detail)
        .header(RETRY_AFTER, retry_after_seconds.to_string())
    }

    /// 500: logs the error under an id and tells the client the id only.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let id = Uuid::now_v7();
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(problem = %id, error = text, "cannot answer a request");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The service failed",
        )
        .member("instance", format!("urn:uuid:{id}"))
    }

    /// What happened this time, in words for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// A stable code for programs, finer than the type.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// One more bad field of the body.
    #[must_use]
    pub fn field(self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.error(FieldError {
            pointer: Some(pointer.into()),
            parameter: None,
            detail: detail.into(),
        })
    }

    /// One more bad parameter of path or query, or header.
    #[must_use]
    pub fn parameter(self, name: impl Into<String>, detail: impl Into<String>) -> Self {
        self.error(FieldError {
            pointer: None,
            parameter: Some(name.into()),
            detail: detail.into(),
        })
    }

    /// One more thing that is wrong.
    #[must_use]
    pub fn error(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// A member of this type's own. The members that every problem has cannot be replaced.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// A header of the answer. A value that no header can have is left out, since a problem must always be
    /// sayable.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.0.headers.push((name, value));
        }
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The things that are wrong, as added.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        let mut document = self.0.members.clone();
        let mut put = |name: &str, value: Value| {
            document.insert(name.to_owned(), value);
        };
        put("type", format!("{TYPE_BASE}{}", self.0.slug).into());
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
    fn a_problem_says_everything_once() {
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
    fn headers_of_the_problem_reach_the_answer() {
        let response = Problem::unavailable("no broker", 2).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn an_internal_error_keeps_its_text_to_itself() {
        let error = std::io::Error::other("secret");
        let text = Problem::internal(&error).to_json().to_string();
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("urn:uuid:"), "{text}");
    }
}
