//! Readiness of a follower.

/// Temporary reason for being not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The group has not assigned partitions yet.
    Joining,
    /// No broker can be reached.
    Brokers,
    /// A followed topic does not exist.
    Topics,
    /// Assigned partitions cannot start.
    Beginning,
    /// Records cannot be read.
    Reading,
    /// Rows and checkpoints cannot be written.
    Writing,
    /// The checkpoints of an idle follower cannot be read.
    Checkpoints,
    /// A partition has records and does not move.
    Stuck,
}

/// Readiness with the reasons of a follower.
pub(crate) type Readiness = factline_kafka::consumer::readiness::Readiness<Trouble>;
