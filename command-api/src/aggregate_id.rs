//! Resolves the id of the aggregate that a command is addressed to. The id comes from the path,
//! from the body, or from the field that it is derived from.

use factline::id;
use factline_http::problem::FieldError;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::pointer::Pointer;
use crate::validate::{error, uuid};

/// The source of the id, as a routes file declares it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum IdRule {
    /// The client may choose the id. If the field is left out, the edge generates an id. If the
    /// request has an idempotency key, the id is derived from the key.
    BodyOrNew {
        /// The id's field.
        field: String,
    },
    /// `{id}` in the path.
    Path {
        /// The id's field.
        field: String,
    },
    /// The id is derived from the value of another field, so that a command sent twice reaches the
    /// same aggregate.
    Derived {
        /// The id's field.
        field: String,
        /// The field that the id is derived from.
        of: String,
    },
}

impl IdRule {
    /// Returns the field of the command that holds the id.
    pub fn field(&self) -> &str {
        match self {
            Self::BodyOrNew { field } | Self::Path { field } | Self::Derived { field, .. } => field,
        }
    }
}

/// Returns the id of the aggregate that the command is addressed to, and inserts it into the body
/// if it is missing. `scope` is the scope of an idempotency key. An id that the edge generates is
/// then derived from it, so that both attempts of a create reach one aggregate.
///
/// `None` means that the body names no usable id. Then either an error was added, or the body's own
/// validation will find one.
pub fn address(
    rule: &IdRule,
    aggregate_type: &str,
    path: Option<Uuid>,
    scope: Option<&str>,
    body: &mut Map<String, Value>,
    errors: &mut Vec<FieldError>,
) -> Option<Uuid> {
    let given = body
        .get(rule.field())
        .map(|value| value.as_str().and_then(uuid));
    let id = match (rule, given) {
        (IdRule::BodyOrNew { .. }, Some(given)) => return given,
        (IdRule::BodyOrNew { .. }, None) => Some(match scope {
            Some(scope) => id::keyed_aggregate(aggregate_type, scope),
            None => Uuid::now_v7(),
        }),
        (IdRule::Path { .. }, _) => path,
        (IdRule::Derived { of, .. }, _) => derived(aggregate_type, of, body, errors),
    };
    let root = Pointer::root();
    match (id, given) {
        (Some(id), Some(Some(given))) if given != id => {
            let why = match rule {
                IdRule::Derived { of, .. } => format!("must be left out: it is derived from {of}"),
                _ => "must be left out or equal the id in the path".to_owned(),
            };
            errors.push(error(&root.field(rule.field()), why));
            None
        }
        (id, Some(_)) => id,
        (id, None) => {
            // Without an id, the error is about the field that the id is derived from.
            let id_or_nil = id.unwrap_or_default().to_string();
            body.insert(rule.field().to_owned(), id_or_nil.into());
            id
        }
    }
}

fn derived(
    aggregate_type: &str,
    of: &str,
    body: &Map<String, Value>,
    errors: &mut Vec<FieldError>,
) -> Option<Uuid> {
    let source = body.get(of)?.as_str()?;
    if source.is_empty() {
        errors.push(error(&Pointer::root().field(of), "must not be empty"));
        return None;
    }
    Some(id::aggregate(aggregate_type, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67";

    fn addressed(
        rule: &str,
        path: Option<&str>,
        scope: Option<&str>,
        body: Value,
    ) -> (Option<Uuid>, Value, Vec<String>) {
        let rule: IdRule = serde_json::from_str(rule).unwrap();
        let Value::Object(mut body) = body else {
            panic!("not an object")
        };
        let mut errors = Vec::new();
        let path = path.and_then(uuid);
        let id = address(
            &rule,
            "catalog.product",
            path,
            scope,
            &mut body,
            &mut errors,
        );
        let pointers = errors.into_iter().filter_map(|error| error.pointer);
        (id, body.into(), pointers.collect())
    }

    #[test]
    fn client_may_choose_the_id_or_leave_it_out() {
        let rule = r#"{"from": "body_or_new", "field": "product_id"}"#;
        let (id, _, _) = addressed(rule, None, None, json!({"product_id": ID}));
        assert_eq!(id, uuid(ID));
        let (id, body, errors) = addressed(rule, None, None, json!({}));
        let id = id.unwrap();
        assert_eq!((id.get_version_num(), errors.len()), (7, 0));
        assert_eq!(body, json!({"product_id": id.to_string()}));
        let (id, _, errors) = addressed(rule, None, None, json!({"product_id": 7}));
        assert_eq!((id, errors.len()), (None, 0));
    }

    #[test]
    fn generated_id_is_derived_from_the_idempotency_key() {
        let rule = r#"{"from": "body_or_new", "field": "product_id"}"#;
        let keyed = |scope, body| addressed(rule, None, Some(scope), body).0;
        let id = id::keyed_aggregate("catalog.product", "s");
        assert_eq!(keyed("s", json!({})), Some(id));
        assert_eq!(keyed("s", json!({"name": "other"})), Some(id));
        assert_ne!(keyed("t", json!({})), Some(id));
        assert_eq!(keyed("s", json!({"product_id": ID})), uuid(ID));
    }

    #[test]
    fn path_id_wins_and_the_body_may_repeat_it() {
        let rule = r#"{"from": "path", "field": "product_id"}"#;
        for body in [json!({}), json!({"product_id": ID.to_uppercase()})] {
            let (id, _, errors) = addressed(rule, Some(ID), None, body);
            assert_eq!((id, errors.len()), (uuid(ID), 0));
        }
        let other = json!({"product_id": Uuid::nil().to_string()});
        let (_, _, errors) = addressed(rule, Some(ID), None, other);
        assert_eq!(errors, ["/product_id"]);
    }

    #[test]
    fn equal_sources_derive_the_same_aggregate() {
        let rule = r#"{"from": "derived", "field": "product_id", "of": "source"}"#;
        let (id, body, _) = addressed(rule, None, None, json!({"source": "list:7"}));
        assert_eq!(id, Some(id::aggregate("catalog.product", "list:7")));
        let (again, _, errors) = addressed(rule, None, None, body);
        assert_eq!((again, errors.len()), (id, 0));
        let (_, _, errors) = addressed(rule, None, None, json!({"source": ""}));
        assert_eq!(errors, ["/source"]);
        let (id, _, errors) = addressed(rule, None, None, json!({}));
        assert_eq!((id, errors.len()), (None, 0));
    }
}
