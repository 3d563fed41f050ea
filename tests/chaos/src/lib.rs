//! The store on its own servers, with several instances of every process, under clients and faults,
//! and a checker at the end.
//!
//! - [`schedule`]: the faults and their times, by a seed; `roles`: the processes that faults can
//!   affect
//! - `cluster`: the processes, each with its own [`proxy`] to the broker
//! - `inject`: injects faults; `open_transaction`: a transaction of a foreign producer
//! - `clients`: the requests; `request_log`: all requests and responses
//! - `quiesce`: waits until every accepted operation has ended
//! - [`mod@run`]: the whole run
//!
//! `./dev faults` runs it for any number of minutes; a short form is one of the tests. To add a
//! kind of fault, begin in [`schedule`]. To add a kind of request, begin in `clients`.

mod clients;
mod cluster;
mod inject;
mod open_transaction;
pub mod proxy;
mod quiesce;
mod request_log;
pub mod roles;
mod run;
pub mod schedule;

pub use run::{PATIENCE, Plan, Report, run};
