//! The services of the store: one line per service, with its port, its jobs, and its dependencies.
//!
//! To add a service, add one line in [`SERVICES`], and a binary of that name in the workspace which
//! accepts the flags of `factline-service`.

use factline_dev_servers::Need::{Database, Folder, Instance, Kafka, Registry, Service as Url};
use factline_dev_servers::{Addresses, Project, Service};

/// Every service, in the order of start. Jobs run in this order too.
#[rustfmt::skip]
pub const SERVICES: &[Service] = &[
    Service { name: "command-handlers", port: 8102, jobs: &["provision"], needs: &[Kafka, Registry, Instance] },
    Service { name: "policies", port: 8106, jobs: &["provision"], needs: &[Kafka, Registry, Instance] },
    Service { name: "operations-tracker", port: 8103, jobs: &["migrate"], needs: &[Kafka, Registry, Database("factline_tracker"), Instance] },
    Service { name: "projectors", port: 8104, jobs: &["migrate"], needs: &[Kafka, Registry, Database("factline_projector"), Instance] },
    Service { name: "command-api", port: 8101, jobs: &[], needs: &[Kafka, Registry, Url("operations-tracker")] },
    Service { name: "read-api", port: 8105, jobs: &[], needs: &[Database("factline_reader")] },
    Service { name: "gateway", port: 8080, jobs: &[], needs: &[Url("command-api"), Url("operations-tracker"), Url("read-api")] },
    Service { name: "payment-simulator", port: 8108, jobs: &[], needs: &[Folder] },
    Service { name: "payment-sender", port: 8107, jobs: &["provision"], needs: &[Kafka, Registry, Instance, Url("payment-simulator"), Url("gateway")] },
];

/// The store, for the tool behind `./dev`.
pub const STORE: Project = Project {
    services: SERVICES,
    hint,
};

/// Port of the service that clients use.
const FRONT: u16 = 8080;

fn hint(addresses: Addresses) -> String {
    let store = format!("http://127.0.0.1:{}", addresses.port(FRONT));
    format!(
        "The store is at {store}. Place an order, then GET what Location and X-Resource name:\n\n  \
         curl -i {store}/orders -H 'content-type: application/json' -d '{ORDER}'\n\n\
         Or 6,919 real purchases: ./dev demo"
    )
}

const ORDER: &str = r#"{
    "customer_id": "ada", "lines": [{"product_id": "blue-note", "name": "A Love Supreme",
    "unit_price": {"amount": 1499, "currency": "USD"}, "quantity": 2}]}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_ports_are_distinct_and_references_exist() {
        let mut ports: Vec<u16> = SERVICES.iter().map(|service| service.port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), SERVICES.len());
        for need in SERVICES.iter().flat_map(|service| service.needs) {
            if let Url(name) = need {
                assert!(
                    SERVICES.iter().any(|service| service.name == *name),
                    "{name} is not in the table"
                );
            }
        }
    }

    #[test]
    fn hint_names_the_gateway() {
        let gateway = SERVICES.iter().find(|service| service.name == "gateway");
        assert_eq!(gateway.map(|service| service.port), Some(FRONT));
        let moved = hint(Addresses { port_offset: 1000 });
        assert!(moved.contains("127.0.0.1:9080/orders"), "{moved}");
    }
}
