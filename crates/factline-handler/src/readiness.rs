//! Readiness of a worker.

/// Temporary reason for being not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Problem {
    /// The group has not assigned partitions yet.
    Joining,
    /// The state of partitions is being recovered.
    Recovery,
    /// Batches fail.
    Batches,
}

/// Readiness with the reasons of a worker.
pub(crate) type Readiness = factline_kafka::consumer::readiness::Readiness<Problem>;
