//! The methods of a path, over all services.
//!
//! Each service has the routes of its own methods, so its 404 or 405 does not know the others. The
//! joined OpenAPI document does.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use factline_http::Problem;
use serde_json::Value;

/// Corrects a 404 or 405 of one service by the methods that all services have for the path:
///
/// - a path of no service is 404, whatever the method
/// - a path without this method is 405, with the methods that it has
/// - `OPTIONS` of a path gets its methods
pub(crate) fn correct(
    document: &Value,
    method: &Method,
    path: &str,
    response: Response,
) -> Response {
    let methods = of(document, path);
    if methods.is_empty() {
        if response.status() == StatusCode::NOT_FOUND {
            return response;
        }
        return Problem::not_found(format!("there is no resource at {path}")).into_response();
    }
    if methods.contains(method.as_str()) {
        return response;
    }
    let allow = methods.into_iter().collect::<Vec<_>>().join(", ");
    if method == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response();
    }
    Problem::method_not_allowed(Some(&allow)).into_response()
}

/// Returns the methods of all templates that match a path.
fn of(document: &Value, path: &str) -> BTreeSet<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let matching = paths.filter(|(template, _)| matches(template, path));
    let mut methods = BTreeSet::new();
    for (_, item) in matching {
        for method in item.as_object().into_iter().flatten().map(|(key, _)| key) {
            if ["get", "put", "post", "delete", "patch", "head"].contains(&method.as_str()) {
                methods.insert(method.to_ascii_uppercase());
            }
        }
    }
    if methods.contains("GET") {
        methods.insert("HEAD".to_owned());
    }
    methods
}

/// Returns whether a path is one of a template, such as `/orders/{id}`.
fn matches(template: &str, path: &str) -> bool {
    let (mut templates, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (templates.next(), segments.next()) {
            (None, None) => return true,
            (Some(template), Some(segment))
                if template == segment || (template.starts_with('{') && !segment.is_empty()) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn methods_of_a_path_are_those_of_its_templates() {
        let document = json!({"paths": {
            "/orders": {"get": {}, "post": {}},
            "/orders/{id}": {"get": {}, "parameters": []},
            "/orders/{id}/cancel": {"post": {}},
        }});
        let of = |path| {
            of(&document, path)
                .into_iter()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of("/orders"), "GET HEAD POST");
        assert_eq!(of("/orders/1"), "GET HEAD");
        assert_eq!(of("/orders/1/cancel"), "POST");
        for path in ["/", "/orders/", "/orders/1/", "/orders/1/2", "/order"] {
            assert_eq!(of(path), "", "{path}");
        }
    }
}
