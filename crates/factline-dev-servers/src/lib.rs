//! Kafka, a schema registry and PostgreSQL without Docker and without root: fetched, started,
//! broken and stopped.
//!
//! Tests use [`Servers::throwaway`] or [`Servers::shared`]: all three on free ports in a temporary
//! folder, which end with the test. [`Servers::application`] starts a program on them.
//!
//! A project's own tool runs the same servers on fixed ports with durable data, and the services of
//! the project beside them. Its `main` passes a table of services to [`main()`]:
//!
//! ```no_run
//! use factline_dev_servers::{Need, Project, Service};
//!
//! const PROJECT: Project = Project {
//!     services: &[Service {
//!         name: "shop",
//!         port: 8080,
//!         jobs: &[],
//!         needs: &[Need::Kafka, Need::Registry, Need::Database("factline")],
//!     }],
//!     hint: |addresses| format!("curl http://127.0.0.1:{}/health/ready", addresses.port(8080)),
//! };
//!
//! fn main() -> std::process::ExitCode {
//!     factline_dev_servers::main(&PROJECT)
//! }
//! ```
//!
//! The servers are fetched by Maven, once. Everything is written below the folder that
//! [`home()`] returns, and nothing beside the crate's own files.
//!
//! Do not run Factline in production like this: there is one broker, there are no passwords, and
//! everything uses the loopback address. To add a server, add an entry in `pom.xml` and a module
//! like [`registry`].

mod application;
mod clients;
pub mod clock;
mod component;
mod data_dir;
mod down;
mod hints;
pub mod kafka;
mod kafka_acl;
mod kafka_probe;
mod logs;
pub mod port;
pub mod postgres;
mod process;
mod provision;
pub mod registry;
mod run;
mod runtime;
mod server;
mod services;
mod status;
mod throwaway;
mod tool;
mod up;
mod warm_up;

pub use application::Application;
pub use component::SERVERS;
pub use data_dir::home;
pub use kafka::Kafka;
pub use kafka_acl::Rule;
pub use postgres::Postgres;
pub use provision::provision;
pub use registry::Registry;
pub use services::{Addresses, Need, Project, Service, ports};
pub use throwaway::Servers;
pub use tool::main;

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
