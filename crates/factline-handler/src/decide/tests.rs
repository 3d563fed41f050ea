//! Tests of decisions, without a broker and without a registry.
//!
//! `counter` is the aggregate, `desk` a worker's memory without a worker, `log` its topics without
//! a broker. The other modules test one subject each.

mod ahead;
mod cancels;
mod clocks;
mod conditions;
mod counter;
mod deadlines;
mod desk;
mod duplicates;
mod endings;
mod failures;
mod log;
mod memory;
mod messages;
mod order;
mod restarts;
mod who;
mod workflows;
