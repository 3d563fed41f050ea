//! The contract of one aggregate, as its schemas crate states it and every process reads it.

use crate::{Aggregate, Messages as _, RecordSchema};

/// What others may know of an aggregate.
#[derive(Debug, Clone, Copy)]
pub struct Contract {
    /// `<context>.<aggregate>`.
    pub aggregate: &'static str,
    /// Partitions of each of its topics; never to be changed once a record is written, since keys would move.
    pub partitions: i32,
    /// The records of its commands.
    pub commands: &'static [RecordSchema],
    /// The records of its events.
    pub events: &'static [RecordSchema],
    /// The routes file: which HTTP request is which command.
    pub routes: &'static str,
}

impl Contract {
    /// The contract of an aggregate whose commands no edge takes: without routes.
    pub const fn of<A: Aggregate>(partitions: i32) -> Self {
        Self {
            aggregate: A::TYPE,
            partitions,
            commands: A::Command::RECORDS,
            events: A::Event::RECORDS,
            routes: "",
        }
    }
}
