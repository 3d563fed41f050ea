//! The harness of the system tests: dedicated servers, and every service as the binary that is
//! shipped.
//!
//! A [`System`] is built from the same table as `./dev up` ([`dev_servers::services`]), on free
//! ports and in a temporary folder. Its processes can be killed and restarted one by one. [`Log`]
//! reads the records of the processes directly from Kafka. [`quiescence`] waits until nothing is in
//! progress, and [`collect`] collects everything that a run left, to be judged once.
//!
//! The services must have been built: `./dev test` does that first.

pub mod collect;
mod log;
pub mod quiescence;
mod system;
mod verified;

pub use log::{History, Log};
pub use system::{Layout, System, eventually, instance};
