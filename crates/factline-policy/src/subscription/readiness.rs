//! How a reaction is: ready, or why not.

/// What may be wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The group has not said yet which partitions are ours.
    Joining,
    /// No broker can be reached.
    Brokers,
    /// Partitions that are ours cannot be begun with.
    Beginning,
    /// Records cannot be read.
    Reading,
    /// The effect does not succeed.
    Effect,
    /// Offsets cannot be committed.
    Committing,
}

/// How it is.
pub(crate) type Condition = factline_kafka::consumer::readiness::Condition<Trouble>;
