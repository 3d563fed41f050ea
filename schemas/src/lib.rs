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
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

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
