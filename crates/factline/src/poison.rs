//! Treatment of a record that a host's code can never handle.

/// Treatment of a record that no retry can handle, because it cannot be read or the code panics.
///
/// Faults of the log itself always halt the partition: a missing or unnumbered event, a topic that
/// was recreated, records that were deleted or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoisonPolicy {
    /// Halts the partition before the record, until a release can handle it.
    Halt,
    /// Parks the key: stores the record, and all later ones of its key, in order, until an operator
    /// redrives or discards them. Other keys continue.
    Park,
    /// Skips the record. It is counted and logged as an error.
    Skip,
}
