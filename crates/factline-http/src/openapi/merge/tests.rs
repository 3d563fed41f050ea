use super::*;
use crate::openapi::testing;

fn text() -> Value {
    json!({"content": {"application/json": {"schema": {"type": "string"}}}, "description": "d"})
}

fn part(path: &str, method: &str, operation: &Value) -> Value {
    json!({
        "openapi": "3.1.0", "info": {"title": "part", "version": "1"},
        "tags": [{"name": "all"}],
        "paths": {path: {method: operation}},
        "components": {"schemas": {"Shared": {"type": "string"}}},
    })
}

fn write() -> Value {
    let links = json!({"operation": "/operations/{id}", "resource": "/people/{id}"});
    let mut accepted = text();
    accepted[LINKS] = links;
    json!({"operationId": "place", "responses": {"202": accepted}})
}

fn read(id: Option<&str>, parameter: &str) -> Value {
    let parameter =
        json!({"name": parameter, "in": "path", "required": true, "schema": {"type": "string"}});
    let mut read = json!({"responses": {"200": text()}, "parameters": [parameter]});
    if let Some(id) = id {
        read["operationId"] = id.into();
    }
    read
}

#[test]
fn parts_of_one_path_are_joined() {
    let list = json!({"operationId": "list", "responses": {"200": text()}});
    let merged = merge(
        "People",
        [
            part("/people", "post", &write()),
            part("/people", "get", &list),
        ],
    )
    .unwrap();
    assert_eq!(merged["info"]["title"], "People");
    assert_eq!(merged["tags"], json!([{"name": "all"}]));
    assert_eq!(merged["paths"]["/people"]["get"], list);
    assert_eq!(merged["paths"]["/people"]["post"]["operationId"], "place");
    assert_eq!(merged["components"]["schemas"]["Shared"]["type"], "string");
    assert_eq!(testing::faults(&merged), Vec::<String>::new());
}

#[test]
fn accepted_command_links_to_the_reads_that_exist() {
    let write = part("/people", "post", &write());
    let links = |others: Vec<Value>| {
        let merged = merge("People", std::iter::once(write.clone()).chain(others)).unwrap();
        assert_eq!(testing::faults(&merged), Vec::<String>::new());
        merged["paths"]["/people"]["post"]["responses"]["202"]["links"].clone()
    };
    assert_eq!(links(vec![]), Value::Null);
    let operation = part("/operations/{id}", "get", &read(Some("getOperation"), "id"));
    let person = part("/people/{person_id}", "get", &read(None, "person_id"));
    let found = links(vec![operation, person]);
    assert_eq!(found["operation"]["operationId"], "getOperation");
    assert_eq!(
        found["operation"]["parameters"],
        json!({"id": "$response.body#/operation/id"})
    );
    assert_eq!(
        found["resource"]["operationRef"],
        "#/paths/~1people~1%7Bperson_id%7D/get"
    );
    assert_eq!(
        found["resource"]["parameters"],
        json!({"person_id": "$response.body#/resource/id"})
    );
}

#[test]
fn contradiction_is_named() {
    let error = |parts: [Value; 2]| merge("People", parts).unwrap_err().to_string();
    let one = part("/people", "get", &read(Some("a"), "id"));
    let other = part("/people", "get", &read(Some("b"), "id"));
    assert_eq!(
        error([one.clone(), other]),
        "two services describe paths /people get differently"
    );
    let mut schema = part("/others", "get", &read(Some("b"), "id"));
    schema["components"]["schemas"]["Shared"]["type"] = "integer".into();
    assert_eq!(
        error([one, schema]),
        "two services describe components schemas Shared differently"
    );
    assert_eq!(
        error([
            part("/people/{id}", "get", &read(Some("a"), "id")),
            part("/people/{person}", "put", &read(Some("b"), "person")),
        ]),
        "the paths /people/{id} and /people/{person} differ only in the names of their parameters"
    );
    let unreadable = merge("People", [json!({"paths": 7})]).unwrap_err();
    assert_eq!(unreadable.to_string(), "cannot read an OpenAPI document");
}

#[test]
fn added_response_does_not_replace_another() {
    let mut document = merge("People", [part("/people", "post", &write())]).unwrap();
    let own = json!({"description": "The gateway's."});
    add_response(&mut document, "202", &own);
    add_response(&mut document, "504", &own);
    let responses = &document["paths"]["/people"]["post"]["responses"];
    assert_eq!(responses["504"], own);
    assert_eq!(responses["202"]["description"], "d");
}
