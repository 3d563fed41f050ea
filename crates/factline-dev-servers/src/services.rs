//! The services of a project: for each its port, its jobs and its dependencies. Environment, health
//! checks and stop order follow from this table.

use crate::data_dir::home;
use crate::{postgres, registry};

/// The processes of a project, and the text that `up` prints at its end.
#[derive(Clone, Copy, Debug)]
pub struct Project {
    /// Every service, in the order of start. Jobs run in this order too.
    pub services: &'static [Service],
    /// Returns the last lines of `up`, such as a request to try.
    pub hint: fn(Addresses) -> String,
}

/// A service: a binary of the project that runs until it is stopped. It accepts the flags of
/// `factline-service`, or reads the variables of the same names.
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

/// The ports of the servers.
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

/// Addresses of a project's services and servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses {
    /// Offset that is added to every port, so that several projects can run at once.
    pub port_offset: u16,
}

impl Addresses {
    /// Returns a port of the tables above plus the offset.
    pub fn port(self, port: u16) -> u16 {
        port.saturating_add(self.port_offset)
    }
}

impl Project {
    /// Returns the environment of `service`.
    pub fn environment(&self, service: &Service, addresses: Addresses) -> Vec<(String, String)> {
        let listen = (
            "FACTLINE_LISTEN".to_owned(),
            format!("127.0.0.1:{}", addresses.port(service.port)),
        );
        let needs = service.needs.iter().map(|need| match need {
            Need::Kafka => (
                "FACTLINE_KAFKA_BROKERS".to_owned(),
                format!("127.0.0.1:{}", addresses.port(ports::KAFKA)),
            ),
            Need::Registry => (
                "FACTLINE_REGISTRY_URL".to_owned(),
                registry::url(addresses.port(ports::REGISTRY)),
            ),
            Need::Database(role) => (
                "FACTLINE_DATABASE_URL".to_owned(),
                postgres::url(addresses.port(ports::POSTGRES), postgres::SUPERUSER, role),
            ),
            Need::Service(name) => {
                let variable = format!("FACTLINE_{}_URL", name.to_uppercase().replace('-', "_"));
                let named = |service: &&Service| service.name == *name;
                let port = self
                    .services
                    .iter()
                    .find(named)
                    .map_or(0, |found| found.port);
                (
                    variable,
                    format!("http://127.0.0.1:{}", addresses.port(port)),
                )
            }
            Need::Instance => (
                "FACTLINE_INSTANCE".to_owned(),
                format!("{}-1", service.name),
            ),
            Need::Folder => (
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

    const FRONT: Service = Service {
        name: "front",
        port: 80,
        jobs: &[],
        needs: &[Need::Service("price-list"), Need::Instance],
    };
    const BACK: Service = Service {
        name: "price-list",
        port: 81,
        jobs: &[],
        needs: &[Need::Database("reader")],
    };
    const PROJECT: Project = Project {
        services: &[FRONT, BACK],
        hint: |_| String::new(),
    };

    #[test]
    fn environment_follows_from_the_table() {
        let addresses = Addresses { port_offset: 1000 };
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let front = [
            ("FACTLINE_LISTEN", "127.0.0.1:1080"),
            ("FACTLINE_PRICE_LIST_URL", "http://127.0.0.1:1081"),
            ("FACTLINE_INSTANCE", "front-1"),
        ];
        assert_eq!(PROJECT.environment(&FRONT, addresses), front.map(owned));
        let url = "postgres://reader@127.0.0.1:16432/factline";
        let back = [
            ("FACTLINE_LISTEN", "127.0.0.1:1081"),
            ("FACTLINE_DATABASE_URL", url),
        ];
        assert_eq!(PROJECT.environment(&BACK, addresses), back.map(owned));
    }
}
