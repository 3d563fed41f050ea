//! The harness of the tests of the whole: servers of their own, and every service as the process that is shipped.
//!
//! A [`System`] is made of the same table as `./dev up` ([`dev_servers::services`]), on free ports and in a temporary folder.
//! Its processes can be killed and started again one by one. What the processes wrote is read back by [`Log`], beside
//! them and past them, from Kafka itself.
//!
//! The services must have been built: `./dev test` does that first.

pub mod collect;
mod log;
mod system;

pub use log::{History, Log};
pub use system::{Layout, System, eventually, instance};
