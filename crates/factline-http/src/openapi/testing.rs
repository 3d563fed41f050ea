//! Checks an OpenAPI document, for the tests of services and applications.
//!
//! ```
//! use factline_http::openapi::{Document, testing};
//!
//! let document = Document::new("Nothing yet").build();
//! assert_eq!(testing::faults(&document), Vec::<String>::new());
//! ```

use std::collections::BTreeSet;

use jsonschema::{Registry, Validator};
use serde_json::Value;

/// The official meta-schemas, with the dialect of Schema Objects.
const META_SCHEMAS: [&str; 4] = [
    include_str!("../../openapi-3.1/schema-base.json"),
    include_str!("../../openapi-3.1/schema.json"),
    include_str!("../../openapi-3.1/dialect.json"),
    include_str!("../../openapi-3.1/meta.json"),
];

/// Returns the faults of a document: violations of the official meta-schema of OpenAPI 3.1,
/// references and links without a target, and operation ids that are not unique.
///
/// # Panics
///
/// If the meta-schemas in the crate are damaged.
pub fn faults(document: &Value) -> Vec<String> {
    let schemas = META_SCHEMAS.map(|text| {
        serde_json::from_str::<Value>(text).expect("the meta-schemas in the crate are JSON")
    });
    let registry = schemas.iter().fold(Registry::new(), |registry, schema| {
        let id = schema["$id"].as_str().expect("a meta-schema has an id");
        registry.add(id, schema).expect("the ids are URIs")
    });
    let registry = registry
        .prepare()
        .expect("the meta-schemas refer to each other");
    let validator: Validator = jsonschema::draft202012::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(&schemas[0])
        .expect("the meta-schemas are schemas");
    let mut faults: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    references(document, document, &mut faults);
    operations(document, &mut faults);
    faults
}

/// Adds a fault for each `$ref` within the document that has no target.
fn references(document: &Value, part: &Value, faults: &mut Vec<String>) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#');
                if pointer
                    .and_then(|pointer| document.pointer(pointer))
                    .is_none()
                {
                    faults.push(format!("{reference} has no target"));
                }
            }
            for member in members.values() {
                references(document, member, faults);
            }
        }
        Value::Array(items) => {
            for item in items {
                references(document, item, faults);
            }
        }
        _ => {}
    }
}

/// Adds a fault for each operation id that occurs twice, and for each link to an unknown one.
fn operations(document: &Value, faults: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    let mut responses = Vec::new();
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in members(item) {
            let id = operation["operationId"].as_str();
            if let Some(id) = id.filter(|id| !ids.insert(*id)) {
                faults.push(format!(
                    "{path} {method}: the operation id {id} is not unique"
                ));
            }
            let place = format!("{path} {method}");
            responses.extend(members(&operation["responses"]).map(|each| (place.clone(), each)));
        }
    }
    let shared = members(&document["components"]["responses"]);
    responses.extend(shared.map(|each| ("components".to_owned(), each)));
    for (place, (status, response)) in responses {
        for (name, link) in members(&response["links"]) {
            let id = link["operationId"].as_str();
            if id.is_some_and(|id| !ids.contains(id)) {
                faults.push(format!("{place} {status}: the link {name} has no target"));
            }
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
            "paths": {"/a": {"get": {
                "operationId": "getA",
                "responses": {"200": {
                    "description": "d",
                    "content": {"application/json": {"schema": {"type": "string"}}},
                    "links": {"self": {"operationId": "getA"}},
                }},
            }}},
        })
    }

    #[test]
    fn valid_document_has_no_faults() {
        assert_eq!(faults(&document()), Vec::<String>::new());
    }

    #[test]
    fn fault_is_named() {
        let response = "/paths/~1a/get/responses/200";
        let cases = [
            ("/openapi", json!("3.0.0"), "/openapi"),
            (&format!("{response}/description"), json!(7), response),
            (
                &format!("{response}/content/application~1json/schema/type"),
                json!("text"),
                "schema",
            ),
            (
                &format!("{response}/content/application~1json/schema"),
                json!({"$ref": "#/components/schemas/A"}),
                "#/components/schemas/A has no target",
            ),
            (
                &format!("{response}/links/self/operationId"),
                json!("getB"),
                "/a get 200: the link self has no target",
            ),
        ];
        for (place, value, expected) in cases {
            let mut document = document();
            *document.pointer_mut(place).unwrap() = value;
            let faults = faults(&document);
            assert!(
                faults.iter().any(|fault| fault.contains(expected)),
                "{faults:?}"
            );
        }
        let mut twice = document();
        twice["paths"]["/b"] = twice["paths"]["/a"].clone();
        let expected = "/b get: the operation id getA is not unique";
        assert_eq!(faults(&twice), [expected]);
    }
}
