use super::*;
use serde_json::json;

const ID: &str = "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67";

type Addressed = (Option<String>, Value, Vec<String>);

fn addressed(rule: &str, sources: IdSources<'_>, body: Value) -> Addressed {
    let rule: IdRule = serde_json::from_str(rule).unwrap();
    let Value::Object(mut body) = body else {
        panic!("not an object")
    };
    let mut errors = Vec::new();
    let id = address(&rule, "catalog.product", sources, &mut body, &mut errors);
    let pointers = errors.into_iter().filter_map(|error| error.pointer);
    (id, body.into(), pointers.collect())
}

fn unkeyed(rule: &str, body: Value) -> Addressed {
    addressed(rule, IdSources::default(), body)
}

fn in_path(rule: &str, path: &str, body: Value) -> Addressed {
    let sources = IdSources {
        path: Some(path),
        scope: None,
    };
    addressed(rule, sources, body)
}

#[test]
fn client_may_choose_the_id_or_leave_it_out() {
    let rule = r#"{"from": "body_or_new", "field": "product_id"}"#;
    let (id, _, _) = unkeyed(rule, json!({"product_id": ID.to_uppercase()}));
    assert_eq!(id.as_deref(), Some(ID));
    let (id, body, errors) = unkeyed(rule, json!({}));
    let id = id.unwrap();
    assert_eq!((uuid(&id).unwrap().get_version_num(), errors.len()), (7, 0));
    assert_eq!(body, json!({"product_id": id}));
    let (id, _, errors) = unkeyed(rule, json!({"product_id": 7}));
    assert_eq!((id, errors.len()), (None, 0));
}

#[test]
fn generated_id_is_derived_from_the_idempotency_key() {
    let keyed = |rule, scope, body| {
        let scope = Some(scope);
        addressed(rule, IdSources { path: None, scope }, body).0
    };
    let id = Some(id::keyed_aggregate("catalog.product", "s").to_string());
    let rule = r#"{"from": "body_or_new", "field": "product_id"}"#;
    assert_eq!(keyed(rule, "s", json!({})), id);
    assert_eq!(keyed(rule, "s", json!({"name": "other"})), id);
    assert_ne!(keyed(rule, "t", json!({})), id);
    assert_eq!(
        keyed(rule, "s", json!({"product_id": ID})).as_deref(),
        Some(ID)
    );
    assert_eq!(keyed(r#"{"from": "new"}"#, "s", json!({})), id);
}

#[test]
fn id_in_the_path_is_written_to_its_field() {
    let rule = r#"{"from": "path", "field": "sku"}"#;
    let (id, body, errors) = in_path(rule, "AB/1", json!({}));
    assert_eq!((id.as_deref(), errors.len()), (Some("AB/1"), 0));
    assert_eq!(body, json!({"sku": "AB/1"}));
    for given in ["AB/1", "other"] {
        let (id, _, errors) = in_path(rule, "AB/1", json!({"sku": given}));
        assert_eq!((id, errors), (None, vec!["/sku".to_owned()]), "{given}");
    }
}

#[test]
fn command_may_have_no_field_for_the_id() {
    let (id, body, errors) = in_path(r#"{"from": "path"}"#, ID, json!({}));
    assert_eq!((id.as_deref(), errors.len()), (Some(ID), 0));
    assert_eq!(body, json!({}));
    let (id, body, errors) = unkeyed(r#"{"from": "new"}"#, json!({}));
    assert_eq!((id.is_some(), errors.len()), (true, 0));
    assert_eq!(body, json!({}));
    let rule = r#"{"from": "derived", "of": "source"}"#;
    let (id, body, _) = unkeyed(rule, json!({"source": "list:7"}));
    let derived = id::aggregate("catalog.product", "list:7").to_string();
    assert_eq!(id, Some(derived));
    assert_eq!(body, json!({"source": "list:7"}));
}

#[test]
fn equal_sources_derive_the_same_aggregate() {
    let rule = r#"{"from": "derived", "field": "product_id", "of": "source"}"#;
    let (id, body, _) = unkeyed(rule, json!({"source": "list:7"}));
    let derived = id::aggregate("catalog.product", "list:7").to_string();
    assert_eq!(body["product_id"], derived);
    assert_eq!(id, Some(derived));
    let (_, _, errors) = unkeyed(rule, body);
    assert_eq!(errors, ["/product_id"]);
    let (_, _, errors) = unkeyed(rule, json!({"source": ""}));
    assert_eq!(errors, ["/source"]);
    let (id, _, errors) = unkeyed(rule, json!({}));
    assert_eq!((id, errors.len()), (None, 0));
}
