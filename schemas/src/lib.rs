//! The list of all contracts of the store, for the services that serve every aggregate.
//!
//! Code about one context depends on that context's schemas and not on this crate. To add an
//! aggregate, add its line in [`ALL`].

use factline::Contract;

/// Every aggregate.
pub const ALL: &[&Contract] = &[
    &catalog_schemas::PRODUCT,
    &checkout_schemas::CHECKOUT,
    &ordering_schemas::ORDER,
    &payment_schemas::PAYMENT,
    &factline_schedule::SCHEDULE,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    /// A field that is named after the aggregate has its id, which the handler checks.
    #[test]
    fn ids_in_messages_are_marked() {
        for contract in ALL {
            let name = contract.aggregate.rsplit('.').next().unwrap();
            for record in contract.commands.iter().chain(contract.events) {
                let schema: Value = serde_json::from_str(record.json).unwrap();
                let fields = schema["fields"].as_array().unwrap().iter();
                let mut ids = fields.filter(|field| field["name"] == format!("{name}_id"));
                assert!(ids.all(|field| field["id"] == true), "{}", record.name);
            }
        }
    }

    #[test]
    fn no_two_aggregates_share_a_name_or_a_request() {
        let mut names = HashSet::new();
        let mut requests = HashSet::new();
        for contract in ALL {
            assert!(names.insert(contract.aggregate), "{}", contract.aggregate);
            let file: Value = serde_json::from_str(contract.routes).unwrap();
            for route in file["routes"].as_array().unwrap() {
                let request = format!("{} {}", route["method"], route["path"]);
                assert!(requests.insert(request.clone()), "{request} stands twice");
            }
        }
    }
}
