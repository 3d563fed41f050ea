mod agreement;

use factline::{Contract, RecordSchema};
use factline_http::openapi::testing;
use serde_json::{Value as Json, json};

use super::document;

/// A command with a field of every supported type.
const EVERYTHING: &str = r#"{"type": "record", "name": "a.Everything", "doc": "Does everything.", "fields": [
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "The id."},
    {"name": "boolean", "type": "boolean"},
    {"name": "int", "type": "int", "default": 7, "doc": "A number."},
    {"name": "long", "type": "long"},
    {"name": "float", "type": "float"},
    {"name": "double", "type": "double"},
    {"name": "text", "type": "string"},
    {"name": "name", "type": "string", "personal": true},
    {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "date", "type": {"type": "int", "logicalType": "date"}, "default": 365},
    {"name": "millis", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "micros", "type": {"type": "long", "logicalType": "timestamp-micros"}, "default": 1500},
    {"name": "kind", "type": {"type": "enum", "name": "a.Kind", "symbols": ["one", "two"]}, "default": "two"},
    {"name": "list", "type": {"type": "array", "items": {"type": "record", "name": "a.Line", "doc": "A line.", "fields": [
        {"name": "price", "type": {"type": "record", "name": "a.Money", "fields": [
            {"name": "amount", "type": "long"}, {"name": "currency", "type": "string"}]}},
        {"name": "note", "type": ["null", "string"], "default": null}]}}},
    {"name": "map", "type": {"type": "map", "values": "long"}, "default": {"a": 1}},
    {"name": "maybe", "type": ["null", "a.Kind"], "default": null},
    {"name": "either", "type": ["float", "null"]}
]}"#;

const RECORD: &str = r#"{"type": "record", "name": "a.Record", "fields": [
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "source", "type": "string", "doc": "The source."}
]}"#;

const STOP: &str = r#"{"type": "record", "name": "a.Stop", "fields": []}"#;

const THING: &Contract = &Contract {
    aggregate: "a.thing",
    partitions: 1,
    commands: &[
        RecordSchema {
            name: "a.Everything",
            json: EVERYTHING,
        },
        RecordSchema {
            name: "a.Record",
            json: RECORD,
        },
        RecordSchema {
            name: "a.Stop",
            json: STOP,
        },
    ],
    events: &[],
    routes: r#"{"aggregate": "a.thing", "resource": "things/{id}", "routes": [
        {"method": "POST", "path": "/things", "command": "a.Everything", "id": {"from": "body_or_new", "field": "id"}},
        {"method": "PUT", "path": "/things/{id}", "command": "a.Everything", "id": {"from": "path", "field": "id"}},
        {"method": "POST", "path": "/records", "command": "a.Record", "id": {"from": "derived", "field": "id", "of": "source"}},
        {"method": "POST", "path": "/things/{id}/stop", "command": "a.Stop", "id": {"from": "path"}}]}"#,
};

const TAG: &Contract = &Contract {
    aggregate: "a.tag",
    partitions: 1,
    commands: &[RecordSchema {
        name: "a.Tag",
        json: r#"{"type": "record", "name": "a.Tag", "fields": [{"name": "tag", "type": "string"}]}"#,
    }],
    events: &[],
    routes: r#"{"aggregate": "a.tag", "resource": "tags/{id}", "routes": [
        {"method": "PUT", "path": "/tags/{id}", "command": "a.Tag",
         "id": {"from": "path", "field": "tag", "pattern": "[a-z]{2,4}"}}]}"#,
};

fn body(document: &Json, path: &str, method: &str) -> Json {
    let operation = &document["paths"][path][method];
    operation["requestBody"]["content"]["application/json"]["schema"].clone()
}

#[test]
fn document_is_valid() {
    let document = document(&[THING, TAG]).unwrap();
    assert_eq!(testing::faults(&document), Vec::<String>::new());
}

#[test]
fn operation_has_the_commands_name_and_documentation() {
    let document = document(&[THING, TAG]).unwrap();
    let record = &document["paths"]["/records"]["post"];
    assert_eq!(record["operationId"], "a.Record");
    assert_eq!(record["tags"], json!(["a.thing"]));
    // Two routes have this command.
    let put = &document["paths"]["/things/{id}"]["put"];
    assert_eq!(put["operationId"], "a.Everything.PUT.things.{id}");
    assert_eq!(put["description"], "Does everything.");
}

#[test]
fn body_describes_the_commands_fields() {
    let document = document(&[THING]).unwrap();
    let body = body(&document, "/things", "post");
    assert_eq!(body["additionalProperties"], false);
    let required = [
        "boolean", "long", "float", "double", "text", "name", "uuid", "millis", "list", "either",
    ];
    assert_eq!(body["required"], json!(required));
    let fields = &body["properties"];
    assert_eq!(
        fields["int"],
        json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX,
               "default": 7, "description": "A number."})
    );
    assert_eq!(fields["date"]["default"], "1971-01-01");
    assert_eq!(fields["micros"]["default"], "1970-01-01T00:00:00.001500Z");
    assert_eq!(fields["kind"]["default"], "two");
    assert_eq!(fields["map"]["default"], json!({"a": 1}));
    assert_eq!(fields["list"]["items"]["description"], "A line.");
    let kind = json!({"type": "string", "enum": ["one", "two"]});
    assert_eq!(
        fields["maybe"],
        json!({"anyOf": [kind, {"type": "null"}], "default": null})
    );
}

#[test]
fn field_that_the_edge_writes_is_not_in_the_body() {
    let document = document(&[THING, TAG]).unwrap();
    let put = body(&document, "/things/{id}", "put");
    assert_eq!(put["properties"]["id"], Json::Null);
    let record = body(&document, "/records", "post");
    assert_eq!(record["properties"]["id"], Json::Null);
    assert_eq!(record["properties"]["source"]["minLength"], 1);
    let stop = &document["paths"]["/things/{id}/stop"]["post"];
    assert_eq!(stop["requestBody"]["required"], false);
}

#[test]
fn path_parameter_has_the_format_of_the_id() {
    let document = document(&[THING, TAG]).unwrap();
    let id = |path: &str, method: &str| {
        let operation = &document["paths"][path][method];
        operation["parameters"][0]["schema"].clone()
    };
    assert_eq!(
        id("/things/{id}", "put"),
        json!({"type": "string", "format": "uuid"})
    );
    let text = id("/tags/{id}", "put");
    assert_eq!(text["allOf"][0]["pattern"], "^(?:[a-z]{2,4})$");
    assert_eq!(text["allOf"][1]["maxLength"], 200);
}

#[test]
fn operation_has_every_response_of_the_edge() {
    let document = document(&[THING]).unwrap();
    let responses = document["paths"]["/things"]["post"]["responses"].as_object();
    let statuses: Vec<&String> = responses.unwrap().keys().collect();
    assert_eq!(
        statuses,
        [
            "200", "202", "400", "408", "413", "415", "422", "500", "503"
        ]
    );
    let accepted = &document["components"]["responses"]["accepted.a.thing"];
    assert_eq!(
        accepted["x-factline-links"],
        json!({"operation": "/operations/{id}", "resource": "/things/{id}"})
    );
    let headers = accepted["headers"].as_object().unwrap();
    let names: Vec<&String> = headers.keys().collect();
    assert_eq!(
        names,
        ["Location", "Retry-After", "X-Operation", "X-Resource"]
    );
}
