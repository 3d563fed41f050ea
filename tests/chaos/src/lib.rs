//! The store on its own servers, several of every process, under clients and under faults, and a judge at the end.
//!
//! - [`schedule`]: what breaks when, by a seed; `roles`: who is there to be struck
//! - `cluster`: the processes, each at the broker through a [`proxy`]; `strike`: how a fault is brought about; `stranger`: a
//!   transaction of somebody else
//! - `clients`: what is asked for; `book`: every request and every answer
//! - `settle`: waits until everything that was accepted has ended; [`mod@run`]: all of it together
//!
//! `./dev faults` runs it for as long as one likes; a short form is one of the tests. One more kind of fault begins in
//! [`schedule`], one more kind of request in `clients`.

mod book;
mod clients;
mod cluster;
pub mod proxy;
pub mod roles;
mod run;
pub mod schedule;
mod settle;
mod standing;
mod stranger;
mod strike;

pub use run::{PATIENCE, Plan, Report, run};
