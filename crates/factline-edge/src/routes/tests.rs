use super::*;

const PRODUCT: &str = r#"{"type": "record", "name": "catalog.Rename", "fields": [
    {"name": "product_id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "name", "type": "string"},
    {"name": "rank", "type": "int"}
]}"#;

const COMMANDS: &[RecordSchema] = &[RecordSchema {
    name: "catalog.Rename",
    json: PRODUCT,
}];

fn read_text(routes: &str) -> Result<Vec<Arc<Route>>, String> {
    let contract = Contract {
        aggregate: "catalog.product",
        partitions: 1,
        commands: COMMANDS,
        events: &[],
        routes: Box::leak(routes.to_owned().into_boxed_str()),
    };
    read(Box::leak(Box::new(contract))).map_err(|error| error.to_string())
}

fn with(route: &str) -> Result<Vec<Arc<Route>>, String> {
    read_text(&format!(
        r#"{{"aggregate": "catalog.product", "resource": "products/{{id}}", "routes": [{route}]}}"#
    ))
}

#[test]
fn route_is_read() {
    let routes = with(
        r#"{"method": "PUT", "path": "/products/{id}/name", "command": "catalog.Rename",
            "id": {"from": "path", "field": "product_id"}}"#,
    )
    .unwrap();
    assert_eq!(routes[0].method, Method::PUT);
    assert_eq!(routes[0].filter, MethodFilter::PUT);
    assert!(routes[0].has_path_id());
    assert_eq!(routes[0].resource, "products/{id}");
}

#[test]
fn second_command_of_one_route_is_refused() {
    let route = r#"{"method": "PUT", "path": "/products/{id}", "command": "catalog.Rename",
        "id": {"from": "path", "field": "product_id"}}"#;
    let one = with(route).unwrap();
    assert!(check_distinct(&one).is_ok());
    let two = with(&format!("{route}, {route}")).unwrap();
    assert_eq!(
        check_distinct(&two).unwrap_err().to_string(),
        "route PUT /products/{id} is of catalog.Rename and of catalog.Rename: change the path or \
         the method of one"
    );
}

#[test]
fn time_to_live_of_a_route_is_at_most_a_day() {
    let of = |time: u64| {
        with(&format!(
            r#"{{"method": "PUT", "path": "/p/{{id}}", "command": "catalog.Rename",
                "id": {{"from": "path", "field": "product_id"}}, "time_to_live_ms": {time}}}"#
        ))
    };
    assert_eq!(of(86_400_000).unwrap()[0].time_to_live_ms, Some(86_400_000));
    for time in [0, 86_400_001] {
        let refused = of(time).err().unwrap();
        assert!(
            refused.contains(&format!("time_to_live_ms {time} must be")),
            "{refused}"
        );
    }
}

#[test]
fn invalid_route_is_refused_by_name() {
    let route = |method: &str, path: &str, command: &str, id: &str| {
        with(&format!(
            r#"{{"method": "{method}", "path": "{path}", "command": "{command}", "id": {id}}}"#
        ))
        .err()
        .unwrap()
    };
    let new = r#"{"from": "body_or_new", "field": "product_id"}"#;
    let path = r#"{"from": "path", "field": "product_id"}"#;
    let rename = "catalog.Rename";
    let cases = [
        (
            route("FETCH", "/p", rename, new),
            "FETCH must be one of POST",
        ),
        (route("GET", "/p", rename, new), "GET must be one of POST"),
        (route("PUT", "p", rename, new), "slash"),
        (route("PUT", "/p/{sku}", rename, path), "plain text or {id}"),
        (route("PUT", "/p/x{id}", rename, path), "plain text or {id}"),
        (route("PUT", "/p/{id}/{id}", rename, path), "{id} once"),
        (route("PUT", "/p/{id}", rename, new), "{id} once"),
        (route("PUT", "/p", rename, path), "{id} once"),
        (route("PUT", "/p", "catalog.Paint", new), "not a command"),
        (
            route(
                "PUT",
                "/p",
                rename,
                r#"{"from": "body_or_new", "field": "name"}"#,
            ),
            "no field name that is a UUID",
        ),
        (
            route(
                "PUT",
                "/p",
                rename,
                r#"{"from": "derived", "field": "product_id", "of": "rank"}"#,
            ),
            "no field rank that is a string",
        ),
        (
            route(
                "PUT",
                "/p/{id}",
                rename,
                r#"{"from": "path", "field": "product_id", "pattern": "[a-z]+"}"#,
            ),
            "no field product_id that is a string",
        ),
        (
            route(
                "PUT",
                "/p/{id}",
                rename,
                r#"{"from": "path", "pattern": "[a-z"}"#,
            ),
            "the pattern [a-z is not a regular expression: unclosed character class",
        ),
        (
            route(
                "PUT",
                "/p",
                rename,
                r#"{"from": "body_or_new", "field": "product_id", "pattern": "[a-z]+"}"#,
            ),
            "the edge can make up only a UUID, so body_or_new has no pattern",
        ),
        (
            route(
                "PUT",
                "/p",
                rename,
                r#"{"from": "derived", "of": "name", "pattern": "[a-z]+"}"#,
            ),
            "a derived id is a UUID, so derived has no pattern",
        ),
        (read_text("{").err().unwrap(), "cannot read the routes"),
        (
            route(
                "PUT",
                "/p",
                rename,
                r#"{"from": "moon", "field": "product_id"}"#,
            ),
            "cannot read the routes",
        ),
    ];
    for (error, expected) in cases {
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("catalog.product"), "{error}");
    }
}

#[test]
fn id_may_be_a_text_and_needs_no_field() {
    let routes = with(
        r#"{"method": "PUT", "path": "/products/{id}/name", "command": "catalog.Rename",
            "id": {"from": "path", "field": "name", "pattern": "[A-Z]{3}"}},
           {"method": "POST", "path": "/products/{id}/rename", "command": "catalog.Rename",
            "id": {"from": "path", "pattern": "[A-Z]{3}"}}"#,
    )
    .unwrap();
    assert_eq!(routes[0].id_format.read("ABC").as_deref(), Ok("ABC"));
    assert!(routes[0].id_format == routes[1].id_format);
}

#[test]
fn ids_of_an_aggregate_have_one_format() {
    let error = with(
        r#"{"method": "POST", "path": "/products", "command": "catalog.Rename", "id": {"from": "new"}},
           {"method": "PUT", "path": "/products/{id}", "command": "catalog.Rename",
            "id": {"from": "path", "field": "name", "pattern": "[A-Z]{3}"}}"#,
    )
    .err()
    .unwrap();
    let expected = "route /products/{id} of catalog.product: the ids of an aggregate have one \
                    format, but the id of route /products has another";
    assert_eq!(error, expected);
}

/// The commands of such an aggregate come from policies only.
#[test]
fn aggregate_without_routes_has_none() {
    assert!(read_text("").unwrap().is_empty());
}
