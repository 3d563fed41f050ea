//! The OpenAPI document says what the routes accept and answer.

use factline_http::openapi::testing;
use factline_read::openapi;
use serde_json::{Value, json};

use crate::library::{RESOURCES, SHELVES};

fn parameter<'a>(operation: &'a Value, name: &str) -> &'a Value {
    let mut parameters = operation["parameters"].as_array().unwrap().iter();
    parameters
        .find(|parameter| parameter["name"] == name)
        .unwrap()
}

#[test]
fn documents_are_valid() {
    for resources in [RESOURCES, SHELVES, &[]] {
        let document = openapi(resources).unwrap();
        assert_eq!(testing::faults(&document), Vec::<String>::new());
    }
}

#[test]
fn item_has_its_id_and_its_responses() {
    let document = openapi(RESOURCES).unwrap();
    let operation = &document["paths"]["/books/{id}"]["get"];
    assert_eq!(operation["operationId"], "getBook");
    assert_eq!(operation["tags"], json!(["book"]));
    let id = parameter(operation, "id");
    assert_eq!(
        (&id["required"], &id["schema"]["pattern"]),
        (&json!(true), &json!("^(?:[0-9]{3}-[0-9]{1,3})$"))
    );
    let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["200", "304", "400", "404", "409", "500", "503"]);
    let book = &document["components"]["schemas"]["Book"];
    assert_eq!(book["properties"].get("title_key"), None);
    assert_eq!(book["properties"]["printed_on"]["format"], "date");
}

#[test]
fn list_has_its_filters_sort_orders_and_limits() {
    let document = openapi(RESOURCES).unwrap();
    let operation = &document["paths"]["/books"]["get"];
    assert_eq!(operation["operationId"], "listBooks");
    assert_eq!(
        parameter(operation, "kind")["schema"],
        json!({"type": "string", "enum": ["novel", "atlas"]})
    );
    assert_eq!(
        parameter(operation, "sort")["schema"],
        json!({"type": "string", "enum": ["title", "-pages"], "default": "title"})
    );
    assert_eq!(
        parameter(operation, "limit")["schema"],
        json!({"type": "integer", "minimum": 1, "maximum": 40, "default": 20})
    );
    assert_eq!(operation["responses"].get("404"), None);
    let loans = &document["paths"]["/books/{id}/loans"]["get"];
    assert_eq!(loans["operationId"], "listBooksLoans");
    assert!(loans["responses"].get("404").is_some());
}

#[test]
fn filters_have_the_types_of_their_columns() {
    let document = openapi(SHELVES).unwrap();
    let operation = &document["paths"]["/shelves"]["get"];
    let cases = [
        ("shelf", json!({"type": "string", "format": "uuid"})),
        ("pages", json!({"type": "integer", "format": "int32"})),
        (
            "copies",
            json!({"type": "integer", "format": "int32", "minimum": -32768, "maximum": 32767}),
        ),
        ("readers", json!({"type": "integer", "format": "int64"})),
        ("price", json!({"type": "integer"})),
        ("lent", json!({"type": "boolean"})),
        ("printed_on", json!({"type": "string", "format": "date"})),
        (
            "bought_from",
            json!({"type": "string", "format": "date-time"}),
        ),
    ];
    for (name, schema) in cases {
        assert_eq!(parameter(operation, name)["schema"], schema, "{name}");
    }
}
