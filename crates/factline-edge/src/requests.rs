//! Requests in a body: a command can contain another request, which is sent later.
//!
//! A field that its schema marks `"request": true` is a request in the body, with `method`, `path`
//! and `body`. The edge checks it as if it were sent now, by the route that it names, and writes
//! the command that it would be into the field. So no such field holds a command that its schema
//! refuses.
//!
//! The record of the field has the fields that [`command`] writes. An id that the edge would make
//! up is left out, because the request may be sent more than once: then each time has its own. A
//! request that is sent later has no headers: no idempotency key and no conditions. It keeps the
//! time to live of its route.

use factline::Contract;
use factline_http::problem::FieldError;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::aggregate_id::{IdRule, IdSources};
use crate::pointer::Pointer;
use crate::routes::{METHODS, Route};
use crate::validate::error;

/// Replaces the request in the body of a route, if it has one, by the command that it would be.
/// Adds every error in it otherwise.
pub fn resolve<'r>(
    route: &Route,
    routes: impl Iterator<Item = (&'static Contract, &'r Route)>,
    body: &mut Map<String, Value>,
    errors: &mut Vec<FieldError>,
) {
    let Some(field) = route.request_field() else {
        return;
    };
    let root = Pointer::root();
    let at = root.field(field);
    let Some(Value::Object(request)) = body.get_mut(field) else {
        // The validation of the body finds the error.
        return;
    };
    let request = std::mem::take(request);
    // With an error, the body is refused for that. The field itself must not give another one.
    let command = command(routes, request, &at, errors).unwrap_or_else(|| {
        json!({"aggregate": "", "aggregate_id": null, "id_field": null, "record": "", "data": "",
            "time_to_live_ms": null})
    });
    body.insert(field.to_owned(), command);
}

/// Returns the command of a request: its aggregate, its record, and its data as tools show it.
fn command<'r>(
    routes: impl Iterator<Item = (&'static Contract, &'r Route)>,
    mut request: Map<String, Value>,
    at: &Pointer<'_>,
    errors: &mut Vec<FieldError>,
) -> Option<Value> {
    let found = errors.len();
    let method = text(&request, "method", at, errors);
    let path = text(&request, "path", at, errors);
    if let Some(method) = &method
        && !METHODS.contains(&method.as_str())
    {
        let methods = METHODS.join(", ");
        errors.push(error(
            &at.field("method"),
            format!("must be one of {methods}"),
        ));
    }
    let mut body = match request.remove("body") {
        None => Map::new(),
        Some(Value::Object(body)) => body,
        Some(_) => {
            errors.push(error(&at.field("body"), "must be an object"));
            Map::new()
        }
    };
    for name in request.keys() {
        if !matches!(name.as_str(), "method" | "path") {
            errors.push(error(&at.field(name), "is not a known field"));
        }
    }
    let (method, path) = (method?, path?);
    if errors.len() > found {
        return None;
    }
    let Some((contract, route, id)) = target(routes, &method, &path) else {
        let detail = "is not the path of a command with this method";
        errors.push(error(&at.field("path"), detail));
        return None;
    };
    if route.request_field().is_some() {
        errors.push(error(
            &at.field("path"),
            "is of a command that contains a request itself",
        ));
        return None;
    }
    let id = match id.map(|id| route.id_format.read(&id)).transpose() {
        Ok(id) => id,
        Err(expected) => {
            let detail = format!("has an id that is not {expected}");
            errors.push(error(&at.field("path"), detail));
            return None;
        }
    };
    let is_made_up = match &route.id {
        IdRule::New {} => true,
        IdRule::BodyOrNew { field, .. } => !body.contains_key(field),
        IdRule::Path { .. } | IdRule::Derived { .. } => false,
    };
    let sources = IdSources {
        path: id.as_deref(),
        scope: None,
    };
    let mut wrong = Vec::new();
    let read = route.read(contract.aggregate, sources, &mut body, &mut wrong);
    let body_at = at.field("body");
    errors.extend(wrong.into_iter().map(|error| FieldError {
        pointer: error.pointer.map(|inner| format!("{body_at}{inner}")),
        ..error
    }));
    let (id, record) = read?;
    let Ok(mut data) = Value::try_from(record) else {
        errors.push(error(&body_at, "has no JSON form"));
        return None;
    };
    // The one that was just made up would make the same request another one each time.
    if let Some(field) = route.id.field().filter(|_| is_made_up) {
        data[field] = Uuid::nil().to_string().into();
    }
    Some(json!({
        "aggregate": contract.aggregate,
        "aggregate_id": (!is_made_up).then_some(id),
        "id_field": route.id.field().filter(|_| is_made_up),
        "record": route.record,
        "data": data.to_string(),
        "time_to_live_ms": route.time_to_live_ms,
    }))
}

/// Returns the route of a request, with its contract and the id in the path. A path without an id
/// is preferred, as by the router.
fn target<'r>(
    routes: impl Iterator<Item = (&'static Contract, &'r Route)>,
    method: &str,
    path: &str,
) -> Option<(&'static Contract, &'r Route, Option<String>)> {
    let routes = routes.filter(|(_, route)| route.method.as_str() == method);
    let found = routes.filter_map(|(contract, route)| {
        let id = route.path_id(path)?;
        let id = percent_decode_str(id).decode_utf8().ok()?;
        let id = route.has_path_id().then(|| id.into_owned());
        Some((contract, route, id))
    });
    found.min_by_key(|(_, _, id)| id.is_some())
}

fn text(
    request: &Map<String, Value>,
    name: &str,
    at: &Pointer<'_>,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    let detail = match request.get(name) {
        Some(Value::String(text)) => return Some(text.clone()),
        Some(_) => "must be a string",
        None => "is missing",
    };
    errors.push(error(&at.field(name), detail));
    None
}

#[cfg(test)]
mod tests;
