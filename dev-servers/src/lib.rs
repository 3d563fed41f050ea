//! Kafka, a schema registry and PostgreSQL without Docker and without root: fetched, started,
//! broken and stopped.
//!
//! Tests use [`Servers::throwaway`] or [`Servers::shared`]: all three on free ports in a temporary
//! folder, which end with the test. `./dev up` runs the same servers on fixed ports with durable
//! data, and the services beside them.
//!
//! Do not run Factline in production like this: there is one broker, there are no passwords, and
//! everything uses the loopback address. To add a server, add an entry in `pom.xml` and a module
//! like [`registry`].

mod component;
pub mod data_dir;
pub mod down;
mod hints;
pub mod kafka;
mod kafka_acl;
mod kafka_probe;
pub mod logs;
pub mod port;
pub mod postgres;
mod process;
mod provision;
pub mod registry;
mod run;
mod runtime;
mod server;
pub mod services;
pub mod status;
mod throwaway;
pub mod up;
mod warm_up;

pub use component::{SERVERS, log};
pub use kafka::Kafka;
pub use kafka_acl::Rule;
pub use postgres::Postgres;
pub use provision::provision;
pub use registry::Registry;
pub use throwaway::Servers;
pub use warm_up::warm;
