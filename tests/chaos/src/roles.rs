//! Who is there to be struck: several of nearly every role.

use std::time::Duration;

use harness::instance;

/// The longest session of a member of any group; whoever stands still for longer loses its partitions.
pub const SESSION: Duration = Duration::from_secs(6);

/// The role in which most can go wrong.
pub const HANDLERS: &str = "command-handlers";

/// A service, and how many of it there are.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// The service.
    pub service: &'static str,
    /// How many.
    pub instances: usize,
    /// Whether it talks to Kafka, and so through a proxy.
    pub kafka: bool,
}

/// All services. Clients go to both gateways, of which each has a command API and a tracker of its own.
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
    /// The names of its instances.
    pub fn names(&self) -> impl Iterator<Item = String> + use<> {
        let service = self.service;
        (1..=self.instances).map(move |number| instance(service, number))
    }
}

#[cfg(test)]
mod tests {
    use dev_servers::services::{Need, SERVICES};

    use super::*;

    #[test]
    fn every_service_has_its_role() {
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
