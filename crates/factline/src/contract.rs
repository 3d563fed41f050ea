//! Aggregate types and their contracts, as the schemas crates define them and every process reads
//! them.

use crate::{Messages, RecordSchema};

/// The public side of an aggregate, as a type: its name, its messages and its topics.
///
/// `factline-codegen` generates one for each aggregate, such as `catalog_schemas::product::Type`.
/// Rules, policies and views name it. So the compiler checks that rules are hosted under their own
/// contract, and that a command is sent only to an aggregate that has it.
pub trait AggregateType: Send + Sync + 'static {
    /// `<context>.<aggregate>`, such as `catalog.product`. It names the topics and must never
    /// change.
    const NAME: &'static str;
    /// Number of partitions of each of its topics. It must not change once a record is written,
    /// because keys would move to other partitions.
    const PARTITIONS: i32;
    /// The mapping from HTTP requests to commands; empty if clients send none over HTTP.
    const ROUTES: &'static str = "";

    /// The commands of the aggregate.
    type Command: Messages;
    /// The events of the aggregate.
    type Event: Messages;

    /// All of this as data, for code that serves any aggregate.
    const CONTRACT: &'static Contract = &Contract {
        aggregate: Self::NAME,
        partitions: Self::PARTITIONS,
        commands: Self::Command::RECORDS,
        events: Self::Event::RECORDS,
        routes: Self::ROUTES,
    };
}

/// The commands of an aggregate type.
pub type CommandOf<T> = <T as AggregateType>::Command;

/// The events of an aggregate type.
pub type EventOf<T> = <T as AggregateType>::Event;

/// The public description of an aggregate, as data. [`AggregateType::CONTRACT`] returns it.
#[derive(Debug, Clone, Copy)]
pub struct Contract {
    /// See [`AggregateType::NAME`].
    pub aggregate: &'static str,
    /// See [`AggregateType::PARTITIONS`].
    pub partitions: i32,
    /// The records of its commands.
    pub commands: &'static [RecordSchema],
    /// The records of its events.
    pub events: &'static [RecordSchema],
    /// See [`AggregateType::ROUTES`].
    pub routes: &'static str,
}
