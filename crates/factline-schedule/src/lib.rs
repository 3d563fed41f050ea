//! Schedules: a command at a time, or by a calendar rule.
//!
//! A schedule is an aggregate. Its [deadline](factline::Aggregate::deadline) is the instant of its
//! next occurrence, so the handler decides each occurrence once, whatever crashes. An occurrence is
//! identified by its instant, which the rule computes from the instant before and never from a
//! clock. The command of an occurrence is a new operation, whose id derives from the schedule and
//! the instant. So a policy that sends it twice has the effect of sending it once.
//!
//! - [`Schedule`]: the aggregate; `occurring` decides what is due and what was missed
//! - [`Calendar`]: the instants of a rule
//! - [`commands`]: the commands that follow from an event, for the policy of an application
//! - [`records`]: the messages, generated from the schemas in `schemas/`
//!
//! The crate has no clock and does no IO. An application adds [`SCHEDULE`] to its contracts and
//! [`Schedule`] to its aggregates, and hosts a policy that calls [`commands`] with the contracts of
//! all commands that may be scheduled. To add a kind of rule, add its field to `ScheduleRule.avsc`
//! and its arm in [`Calendar`].

mod aggregate;
mod calendar;
mod emitting;
#[expect(
    clippy::pedantic,
    clippy::large_enum_variant,
    missing_docs,
    reason = "generated from the schemas, in which the symbols of an enum have no docs"
)]
pub mod records;
mod rejection;

use factline::{AggregateType as _, Contract};

pub use aggregate::{Plan, Schedule};
pub use calendar::Calendar;
pub use emitting::{commands, operation};
pub use records::*;
pub use rejection::Rejection;

/// The contract of `scheduling.schedule`, as data.
pub const SCHEDULE: Contract = *records::schedule::Type::CONTRACT;

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
