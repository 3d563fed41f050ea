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
        (route("FETCH", "/p", rename, new), "FETCH is not a method"),
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
fn routes_of_every_hosted_contract_are_valid() {
    for contract in contracts::ALL {
        assert!(!read(contract).unwrap().is_empty());
    }
}
