//! A whole application in one process: for a start, and for applications that one process can
//! serve.
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     App::new("guest-book")
//!         .aggregate::<Guest>()
//!         .policy::<Welcome>()
//!         .documents::<Page>()
//!         .resources(RESOURCES)
//!         .run()
//! }
//! ```
//!
//! The process creates its topics and tables when it starts. It then does what the separate
//! processes of the kit do:
//!
//! - accepts commands as JSON at the routes of the contracts, and answers 202 (`factline-edge`)
//! - decides commands and deadlines (`factline-handler`)
//! - answers for every operation at `/operations/{id}` (`factline-tracker`)
//! - sends the commands of policies (`factline-policy`)
//! - maintains views (`factline-postgres`) and serves them (`factline-read`)
//! - serves health and metrics (`factline-service`)
//!
//! Several instances share the work, as with all hosts of the kit. The separate processes add roles
//! with their own rights, and parts that scale and fail alone. They use the same contracts, rules,
//! policies, views and resources. So an application that grows moves its crates under those
//! processes and keeps its log.

mod app;
mod sender;

pub use app::{App, Handles};
pub use factline_postgres::{Document, GeneratedColumn};
pub use factline_read::{Filter, Id, Item, List, Resource, Rows, Sort, asc, desc};
pub use sender::{Error as SendError, Sender};

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
