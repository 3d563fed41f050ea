//! The document of the whole store, as the gateway joins it.

#![expect(clippy::unwrap_used, reason = "a test")]

use factline_http::openapi::{merge, testing};
use serde_json::{Value, json};

fn store() -> Value {
    let parts = [
        factline_edge::openapi(contracts::ALL).unwrap(),
        factline_tracker::openapi(),
        factline_read::openapi(read_api::RESOURCES).unwrap(),
    ];
    merge("Store", parts).unwrap()
}

#[test]
fn document_of_the_store_is_valid() {
    assert_eq!(testing::faults(&store()), Vec::<String>::new());
}

/// A resource without a read would be a command whose effect no client can see.
#[test]
fn accepted_command_links_to_its_operation_and_its_resource() {
    let store = store();
    let accepted = store["components"]["responses"].as_object().unwrap();
    let accepted = accepted
        .iter()
        .filter(|(name, _)| name.starts_with("accepted."));
    let mut found = Vec::new();
    for (name, response) in accepted {
        let links = &response["links"];
        assert_eq!(links["operation"]["operationId"], "getOperation", "{name}");
        let parameters = &links["resource"]["parameters"];
        assert_eq!(
            *parameters,
            json!({"id": "$response.body#/resource/id"}),
            "{name}"
        );
        found.push(name.as_str());
    }
    let expected = contracts::ALL
        .iter()
        .map(|contract| format!("accepted.{}", contract.aggregate));
    let mut expected: Vec<_> = expected.collect();
    expected.sort();
    assert_eq!(found, expected);
}
