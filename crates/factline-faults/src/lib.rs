//! Faults on purpose, for the tests that must find them.
//!
//! A [`Mutant`] is the machinery with one of its rules left out: a proof of exactly-once is worth what it says of a
//! machinery that is not. A [`Point`] is a line between two steps of a protocol where a process can be told to stand still now
//! and then, so that a fault falls there and not only where most of the time goes.
//!
//! Both are asked for by the environment of a process, and exist in debug builds only: in a release build the two functions
//! are constants, and no variable has any effect.
//!
//! | variable | value | effect |
//! |---|---|---|
//! | `FACTLINE_MUTANT` | a mutant's name, `no-flush` say | the process breaks that rule, and says so when it starts to |
//! | `FACTLINE_PAUSES` | `POINT=PROBABILITY:MILLISECONDS`, separated by commas; `*` is every point | at that point it stands still, so often, for up to so long |
//!
//! It is no place for faults from outside, such as a process that is killed or a network that is cut: those are the
//! tests' own. One more mutant is a variant, its name, the `if` in the machinery, and the test that finds it.

/// A rule that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// The offsets are sent while events may still be on their way.
    NoFlush,
    /// The group's metadata is fetched once, not for each transaction.
    StaleMetadata,
    /// A transaction that consumed nothing of a partition carries no offset for it.
    NoDeadlineOffsets,
    /// A restore ends at the last stable offset.
    RestoreToStable,
    /// What is revoked stays in memory and is handled.
    KeepRevoked,
    /// Who is another member than the one to which the partitions came commits for them all the same.
    AnyMember,
    /// State is believed before it is committed, and stays so if it is not.
    AdoptBeforeCommit,
    /// No command is looked up among those that were decided.
    NoDedupe,
    /// What was decided is not read back at a restart.
    ForgetDedupe,
    /// A follower moves its checkpoint from wherever it is.
    BlindCheckpoint,
    /// The tracker lets a later outcome replace a terminal one.
    NoAbsorption,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NoFlush,
        Self::StaleMetadata,
        Self::NoDeadlineOffsets,
        Self::RestoreToStable,
        Self::KeepRevoked,
        Self::AnyMember,
        Self::AdoptBeforeCommit,
        Self::NoDedupe,
        Self::ForgetDedupe,
        Self::BlindCheckpoint,
        Self::NoAbsorption,
    ];

    /// As the environment names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoFlush => "no-flush",
            Self::StaleMetadata => "stale-metadata",
            Self::NoDeadlineOffsets => "no-deadline-offsets",
            Self::RestoreToStable => "restore-to-stable",
            Self::KeepRevoked => "keep-revoked",
            Self::AnyMember => "any-member",
            Self::AdoptBeforeCommit => "adopt-before-commit",
            Self::NoDedupe => "no-dedupe",
            Self::ForgetDedupe => "forget-dedupe",
            Self::BlindCheckpoint => "blind-checkpoint",
            Self::NoAbsorption => "no-absorption",
        }
    }
}

/// A line between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// A handler's batch is decided, and nothing of it sent.
    Decided,
    /// Its records are on their way.
    Sent,
    /// They are in the log.
    Flushed,
    /// So are the offsets; nothing is committed.
    Offered,
    /// Kafka has committed, and the handler has not taken it in.
    Committed,
    /// A policy's commands are in the log, the offsets of their facts are not.
    Emitted,
    /// A follower's rows are written, and not committed.
    Written,
}

impl Point {
    /// As the environment names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Sent => "sent",
            Self::Flushed => "flushed",
            Self::Offered => "offered",
            Self::Committed => "committed",
            Self::Emitted => "emitted",
            Self::Written => "written",
        }
    }
}

#[cfg(debug_assertions)]
mod asked;

/// Whether this process is to break a rule.
#[cfg(debug_assertions)]
pub fn is(mutant: Mutant) -> bool {
    asked::mutant() == Some(mutant)
}

/// Whether this process is to break a rule: never.
#[cfg(not(debug_assertions))]
pub const fn is(_: Mutant) -> bool {
    false
}

/// How long this process is to stand still at a point, this time. The caller sleeps, as its thread or its task does.
#[cfg(debug_assertions)]
pub fn pause(point: Point) -> Option<std::time::Duration> {
    asked::pause(point)
}

/// How long this process is to stand still at a point: not at all.
#[cfg(not(debug_assertions))]
pub const fn pause(_: Point) -> Option<std::time::Duration> {
    None
}

/// Stands still on this thread if that is asked for.
pub fn stand_still(point: Point) {
    if let Some(pause) = pause(point) {
        std::thread::sleep(pause);
    }
}
