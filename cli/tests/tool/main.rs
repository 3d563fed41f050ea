//! The tool as people use it: the program, its arguments, its output, on a real Kafka and registry.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

mod dead_letters;
mod histories;
mod new_context;
mod operation;
mod stage;
mod topics;
mod usage;
