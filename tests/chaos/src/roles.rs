//! The processes that faults can affect: several of nearly every role.

use std::time::Duration;

use harness::instance;

/// The longest session timeout of any group. A member that stalls for longer loses its partitions.
pub const SESSION: Duration = Duration::from_secs(6);

/// The role with the most failure modes.
pub const HANDLERS: &str = "command-handlers";

/// A service and its number of instances.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// The service.
    pub service: &'static str,
    /// Number of instances.
    pub instances: usize,
    /// True if the service connects to Kafka, and so through a proxy.
    pub kafka: bool,
}

/// All services. Clients use both gateways; each gateway has its own command API and tracker.
pub const ROLES: &[Role] = &[
    role(HANDLERS, 3, true),
    role("policies", 2, true),
    role("operations-tracker", 2, true),
    role("projectors", 2, true),
    role("command-api", 2, true),
    role("read-api", 1, false),
    role("gateway", 2, false),
    role("payment-simulator", 1, false),
    role("payment-sender", 2, true),
];

const fn role(service: &'static str, instances: usize, kafka: bool) -> Role {
    Role {
        service,
        instances,
        kafka,
    }
}

impl Role {
    /// Returns the names of the instances.
    pub fn names(&self) -> impl Iterator<Item = String> + use<> {
        let service = self.service;
        (1..=self.instances).map(move |number| instance(service, number))
    }
}

#[cfg(test)]
mod tests {
    use dev_servers::services::SERVICES;
    use factline_dev_servers::Need;

    use super::*;

    #[test]
    fn roles_cover_every_service() {
        let listed: Vec<(&str, bool)> = SERVICES
            .iter()
            .map(|service| (service.name, service.needs.contains(&Need::Kafka)))
            .collect();
        assert_eq!(listed.len(), ROLES.len());
        for role in ROLES {
            assert!(listed.contains(&(role.service, role.kafka)), "{role:?}");
        }
    }
}
