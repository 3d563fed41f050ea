//! Readiness of a subscription.

/// Temporary reason for being not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The group has not assigned partitions yet.
    Joining,
    /// No broker can be reached.
    Brokers,
    /// Assigned partitions cannot start.
    Beginning,
    /// Records cannot be read.
    Reading,
    /// The `handle` callback fails.
    Handling,
    /// Offsets cannot be committed.
    Committing,
    /// A partition has records and does not move.
    Stuck,
}

/// Readiness with the reasons of a subscription.
pub(crate) type Readiness = factline_kafka::consumer::readiness::Readiness<Trouble>;
