use std::sync::Arc;

use factline::RecordSchema;
use factline::avro::Codec;

use super::*;
use crate::routes;

const LATER: &str = r#"{"type": "record", "name": "a.SendLater", "fields": [
    {"name": "request", "request": true, "type": {"type": "record", "name": "a.Later", "fields": [
        {"name": "aggregate", "type": "string"},
        {"name": "aggregate_id", "type": ["null", "string"], "default": null},
        {"name": "id_field", "type": ["null", "string"], "default": null},
        {"name": "record", "type": "string"},
        {"name": "data", "type": "string"},
        {"name": "time_to_live_ms", "type": ["null", "long"], "default": null}]}}]}"#;

const RENAME: &str = r#"{"type": "record", "name": "a.Rename", "fields": [
    {"name": "thing_id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "name", "type": "string"},
    {"name": "from", "type": {"type": "long", "logicalType": "timestamp-micros"}, "default": 0},
    {"name": "note", "type": ["null", "string"], "default": null}]}"#;

const THING: &Contract = &Contract {
    aggregate: "a.thing",
    partitions: 1,
    commands: &[
        RecordSchema {
            name: "a.SendLater",
            json: LATER,
        },
        RecordSchema {
            name: "a.Rename",
            json: RENAME,
        },
    ],
    events: &[],
    routes: r#"{"aggregate": "a.thing", "resource": "things/{id}", "routes": [
        {"method": "POST", "path": "/later", "command": "a.SendLater", "id": {"from": "new"}},
        {"method": "POST", "path": "/things", "command": "a.Rename",
         "id": {"from": "body_or_new", "field": "thing_id"}},
        {"method": "POST", "path": "/things/renamed", "command": "a.Rename", "time_to_live_ms": 500,
         "id": {"from": "derived", "field": "thing_id", "of": "name"}},
        {"method": "PUT", "path": "/things/{id}/name", "command": "a.Rename",
         "id": {"from": "path", "field": "thing_id"}}]}"#,
};

const ID: &str = "7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11";

/// Returns the command for a request, and the errors in it.
fn resolved(request: Value) -> (Value, Vec<String>) {
    let routes = routes::read(THING).unwrap();
    let later = Arc::clone(&routes[0]);
    let (mut body, mut errors) = (
        Map::from_iter([("request".to_owned(), request)]),
        Vec::new(),
    );
    let all = routes.iter().map(|route| (THING, &**route));
    resolve(&later, all, &mut body, &mut errors);
    let sources = IdSources::default();
    let read = later.read(THING.aggregate, sources, &mut body.clone(), &mut errors);
    if let Some((_, record)) = read.filter(|_| errors.is_empty()) {
        let codec = Codec::parse(LATER).unwrap();
        let datum = later.encode(record).unwrap();
        assert_eq!(
            codec.decode_json(&datum).unwrap()["request"],
            body["request"]
        );
    }
    let text = |error: FieldError| format!("{} {}", error.pointer.unwrap(), error.detail);
    (
        body["request"].clone(),
        errors.into_iter().map(text).collect(),
    )
}

#[test]
fn request_becomes_the_command_that_it_would_be() {
    let (command, errors) = resolved(
        json!({"method": "PUT", "path": format!("/things/{ID}/name"),
        "body": {"name": "n", "from": "2026-05-01T00:00:00Z"}}),
    );
    assert_eq!(errors, [""; 0]);
    let data: Value = serde_json::from_str(command["data"].as_str().unwrap()).unwrap();
    let codec = Codec::parse(RENAME).unwrap();
    let written = codec
        .decode_json(&codec.encode_json(&data).unwrap())
        .unwrap();
    let expected =
        json!({"thing_id": ID, "name": "n", "from": 1_777_593_600_000_000_i64, "note": null});
    assert_eq!(written, expected);
    assert_eq!(
        command,
        json!({"aggregate": "a.thing", "aggregate_id": ID, "id_field": null, "record": "a.Rename",
            "data": data.to_string(), "time_to_live_ms": null})
    );
}

#[test]
fn id_that_the_edge_makes_up_is_left_to_each_time() {
    let (made_up, _) =
        resolved(json!({"method": "POST", "path": "/things", "body": {"name": "n"}}));
    assert_eq!(
        (&made_up["aggregate_id"], &made_up["id_field"]),
        (&json!(null), &json!("thing_id"))
    );
    // The same request is the same command.
    let request = json!({"method": "POST", "path": "/things", "body": {"name": "n"}});
    assert_eq!(resolved(request).0, made_up);
    let chosen =
        json!({"method": "POST", "path": "/things", "body": {"name": "n", "thing_id": ID}});
    let (chosen, _) = resolved(chosen);
    assert_eq!(
        (&chosen["aggregate_id"], &chosen["id_field"]),
        (&json!(ID), &json!(null))
    );
    let (derived, _) =
        resolved(json!({"method": "POST", "path": "/things/renamed", "body": {"name": "n"}}));
    let id = factline::id::aggregate("a.thing", "n").to_string();
    assert_eq!(
        (&derived["aggregate_id"], &derived["time_to_live_ms"]),
        (&json!(id), &json!(500))
    );
}

#[test]
fn errors_point_into_the_request() {
    let cases = [
        (
            json!({}),
            ["/request/method is missing", "/request/path is missing"].as_slice(),
        ),
        (
            json!({"method": "GET", "path": "/things", "body": 1, "more": 1}),
            &[
                "/request/method must be one of POST, PUT, PATCH, DELETE",
                "/request/body must be an object",
                "/request/more is not a known field",
            ],
        ),
        (
            json!({"method": "POST", "path": "/things/x/name"}),
            &["/request/path is not the path of a command with this method"],
        ),
        (
            json!({"method": "PUT", "path": "/things/x/name"}),
            &["/request/path has an id that is not a UUID"],
        ),
        (
            json!({"method": "POST", "path": "/later", "body": {}}),
            &["/request/path is of a command that contains a request itself"],
        ),
        (
            json!({"method": "PUT", "path": format!("/things/{ID}/name"), "body": {"name": 1, "x": 1}}),
            &[
                "/request/body/name must be a string",
                "/request/body/x is not a known field",
            ],
        ),
    ];
    for (request, expected) in cases {
        let (_, errors) = resolved(request);
        assert_eq!(errors, expected);
    }
    assert_eq!(resolved(json!("x")).1, ["/request must be an object"]);
    // A command in the form that the edge writes is no request.
    let written = json!({"aggregate": "a.thing", "aggregate_id": ID, "id_field": null,
        "record": "a.Rename", "data": "{}", "time_to_live_ms": null});
    assert!(!resolved(written).1.is_empty());
}
