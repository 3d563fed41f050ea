//! How a follower is: ready, or why not.

/// What may be wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The group has not said yet which partitions are ours.
    Joining,
    /// No broker can be reached.
    Brokers,
    /// Topics that must be there are not.
    Topics,
    /// Partitions that are ours cannot be begun with.
    Beginning,
    /// Records cannot be read.
    Reading,
    /// Rows and checkpoints cannot be written.
    Writing,
}

/// How it is.
pub(crate) type Condition = factline_kafka::consumer::readiness::Condition<Trouble>;
