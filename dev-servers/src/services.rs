//! The services of `./dev up`: one line per service, with its port, its jobs, and its dependencies.
//! Environment, health checks and stop order all follow from this table.
//!
//! To add a service, add one line in [`SERVICES`], and a binary of that name in the workspace which
//! accepts the flags of `factline-service`.

use crate::data_dir::home;
use crate::{postgres, registry};

/// A service: a binary of the workspace that runs until it is stopped.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// The name of the binary and of the service.
    pub name: &'static str,
    /// Its port on the loopback address.
    pub port: u16,
    /// Subcommands of its binary that end by themselves and run before any service starts. They are
    /// idempotent.
    pub jobs: &'static [&'static str],
    /// The settings that it gets through its environment.
    pub needs: &'static [Need],
}

/// A dependency or setting of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `FACTLINE_KAFKA_BROKERS`.
    Kafka,
    /// `FACTLINE_REGISTRY_URL`.
    Registry,
    /// `FACTLINE_DATABASE_URL`, logged in as this role.
    Database(&'static str),
    /// `FACTLINE_<NAME>_URL` of the service of this name.
    Service(&'static str),
    /// `FACTLINE_INSTANCE`: a name that stays the same over restarts.
    Instance,
    /// `FACTLINE_DATA_DIR`: a separate folder that outlives the process.
    Folder,
}

use Need::{Database, Folder, Instance, Kafka, Registry, Service as Url};

/// Every service, in the order of start. Jobs run in this order too.
#[rustfmt::skip]
pub const SERVICES: &[Service] = &[
    Service { name: "command-handlers", port: 8102, jobs: &["provision"], needs: &[Kafka, Registry, Instance] },
    Service { name: "policies", port: 8106, jobs: &["provision"], needs: &[Kafka, Registry, Instance] },
    Service { name: "operations-tracker", port: 8103, jobs: &["migrate"], needs: &[Kafka, Registry, Database("factline_tracker"), Instance] },
    Service { name: "projectors", port: 8104, jobs: &["migrate"], needs: &[Kafka, Registry, Database("factline_projector"), Instance] },
    Service { name: "command-api", port: 8101, jobs: &[], needs: &[Kafka, Registry] },
    Service { name: "read-api", port: 8105, jobs: &[], needs: &[Database("factline_reader")] },
    Service { name: "gateway", port: 8080, jobs: &[], needs: &[Url("command-api"), Url("operations-tracker"), Url("read-api")] },
    Service { name: "payment-simulator", port: 8108, jobs: &[], needs: &[Folder] },
    Service { name: "payment-sender", port: 8107, jobs: &["provision"], needs: &[Kafka, Registry, Instance, Url("payment-simulator"), Url("gateway")] },
];

/// The ports of the servers in `./dev up`.
pub mod ports {
    /// Kafka, for clients.
    pub const KAFKA: u16 = 19092;
    /// Kafka's controller, for itself.
    pub const KAFKA_CONTROLLER: u16 = 19093;
    /// The schema registry.
    pub const REGISTRY: u16 = 18081;
    /// PostgreSQL.
    pub const POSTGRES: u16 = 15432;
}

/// Addresses of the services and servers of `./dev up`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses {
    /// Offset that is added to every port, so that several checkouts can run at once.
    pub port_offset: u16,
}

impl Addresses {
    /// Returns a port of the tables above plus the offset.
    pub fn port(self, port: u16) -> u16 {
        port.saturating_add(self.port_offset)
    }

    /// Returns the environment of `service`.
    pub fn environment(self, service: &Service) -> Vec<(String, String)> {
        let listen = (
            "FACTLINE_LISTEN".to_owned(),
            format!("127.0.0.1:{}", self.port(service.port)),
        );
        let needs = service.needs.iter().map(|need| match need {
            Kafka => (
                "FACTLINE_KAFKA_BROKERS".to_owned(),
                format!("127.0.0.1:{}", self.port(ports::KAFKA)),
            ),
            Registry => (
                "FACTLINE_REGISTRY_URL".to_owned(),
                registry::url(self.port(ports::REGISTRY)),
            ),
            Database(role) => (
                "FACTLINE_DATABASE_URL".to_owned(),
                postgres::url(self.port(ports::POSTGRES), postgres::SUPERUSER, role),
            ),
            Url(name) => {
                let variable = format!("FACTLINE_{}_URL", name.to_uppercase().replace('-', "_"));
                let port = SERVICES
                    .iter()
                    .find(|service| service.name == *name)
                    .map_or(0, |found| found.port);
                (variable, format!("http://127.0.0.1:{}", self.port(port)))
            }
            Instance => (
                "FACTLINE_INSTANCE".to_owned(),
                format!("{}-1", service.name),
            ),
            Folder => (
                "FACTLINE_DATA_DIR".to_owned(),
                home().join("data").join(service.name).display().to_string(),
            ),
        });
        std::iter::once(listen).chain(needs).collect()
    }
}

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
            if let Need::Service(name) = need {
                assert!(
                    SERVICES.iter().any(|service| service.name == *name),
                    "{name} is not in the table"
                );
            }
        }
    }

    #[test]
    fn environment_follows_from_the_table() {
        let gateway = SERVICES
            .iter()
            .find(|service| service.name == "gateway")
            .unwrap();
        let environment = Addresses { port_offset: 1000 }.environment(gateway);
        let expected = [
            ("FACTLINE_LISTEN", "127.0.0.1:9080"),
            ("FACTLINE_COMMAND_API_URL", "http://127.0.0.1:9101"),
            ("FACTLINE_OPERATIONS_TRACKER_URL", "http://127.0.0.1:9103"),
            ("FACTLINE_READ_API_URL", "http://127.0.0.1:9105"),
        ];
        assert_eq!(
            environment,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
