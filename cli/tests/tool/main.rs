//! Tests of the tool as people use it: the program, its arguments and its output, with a real Kafka
//! and registry.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod causes;
mod copied;
mod dead_letters;
mod deadlines;
mod export;
mod facts;
mod histories;
mod imported;
mod new_context;
mod new_part;
mod operation;
mod parked_keys;
mod rebuilds;
mod stage;
mod status;
mod topics;
mod unavailable;
mod usage;
mod verify;
