//! Failpoints: rules broken and pauses taken on purpose, for the tests that must find them.
//!
//! A [`Mutant`] is the machinery with one of its rules left out. A checker that claims to prove
//! exactly-once must find each mutant. A [`Point`] lies between two steps of a protocol. A process
//! can be configured to pause there with some probability, so that a fault hits that step and not
//! only the step that takes most of the time.
//!
//! The environment of a process selects both. They exist only in builds with the feature `enabled`.
//! The features `failpoints` of the hosts turn it on, and `./dev` does so for its debug builds.
//! Without it the functions are constants, and no variable has any effect.
//!
//! | variable | value | effect |
//! |---|---|---|
//! |TABLE1
//! |TABLE2
//!
//! Faults from outside, such as a killed process or a cut network, belong to the tests. To add a
//! mutant, add a variant, its name, the condition in the machinery, and the test that finds it.

/// A rule that the process breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// Sends the offsets while events may still be unacknowledged.
    NoFlush,
    /// Fetches the group's metadata once, not for each transaction.
    StaleMetadata,
    /// Leaves out the offset of a partition from which a transaction consumed nothing.
    NoDeadlineOffsets,
    /// Ends recovery at the last stable offset.
    RestoreToStable,
    /// Keeps revoked partitions in memory and continues to handle them.
    KeepRevoked,
    /// Commits for partitions that another member id was assigned.
    AnyMember,
    /// Adopts state before it is committed, and keeps it if the commit fails.
    AdoptBeforeCommit,
    /// Keeps a batch that was decided on another one whose commit has failed.
    KeepNext,
    /// Does not look a command up among the decided ones.
    NoDedupe,
    /// Does not read decided command ids back at a restart.
    ForgetDedupe,
    /// Moves a follower's checkpoint without comparing it.
    BlindCheckpoint,
    /// Lets a later outcome replace a terminal one in the tracker.
    NoAbsorption,
    /// Numbers the changes of operations without the lock that orders their commits.
    UnorderedFeed,
    /// Accepts a cancel without a look at whether its command was decided.
    BlindCancel,
}

impl Mutant {
    /// All mutants.
    pub const ALL: [Self; 14] = [
        Self::NoFlush,
        Self::StaleMetadata,
        Self::NoDeadlineOffsets,
        Self::RestoreToStable,
        Self::KeepRevoked,
        Self::AnyMember,
        Self::AdoptBeforeCommit,
        Self::KeepNext,
        Self::NoDedupe,
        Self::ForgetDedupe,
        Self::BlindCheckpoint,
        Self::NoAbsorption,
        Self::UnorderedFeed,
        Self::BlindCancel,
    ];

    /// The name in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoFlush => "no-flush",
            Self::StaleMetadata => "stale-metadata",
            Self::NoDeadlineOffsets => "no-deadline-offsets",
            Self::RestoreToStable => "restore-to-stable",
            Self::KeepRevoked => "keep-revoked",
            Self::AnyMember => "any-member",
            Self::AdoptBeforeCommit => "adopt-before-commit",
            Self::KeepNext => "keep-next",
            Self::NoDedupe => "no-dedupe",
            Self::ForgetDedupe => "forget-dedupe",
            Self::BlindCheckpoint => "blind-checkpoint",
            Self::NoAbsorption => "no-absorption",
            Self::UnorderedFeed => "unordered-feed",
            Self::BlindCancel => "blind-cancel",
        }
    }
}

/// A point between two steps of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// A handler has decided a batch and sent none of its records.
    Decided,
    /// The records of the batch are sent, and not yet acknowledged.
    Sent,
    /// The records of the batch are acknowledged.
    Flushed,
    /// The offsets of the batch are sent, and nothing is committed.
    Offered,
    /// Kafka has committed the batch, and the handler has not adopted its state.
    Committed,
    /// A policy's commands are in the log, and the offsets of their facts are not.
    Emitted,
    /// A follower's rows are written and not committed.
    Written,
}

impl Point {
    /// The name in the environment.
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

#[cfg(feature = "enabled")]
mod environment;

/// True if this build has failpoints. A test that needs them refuses to run without.
pub const ENABLED: bool = cfg!(feature = "enabled");

/// Returns true if this process breaks a rule on purpose. Without the feature `enabled` it is
/// always false.
#[cfg(feature = "enabled")]
pub fn mutated(mutant: Mutant) -> bool {
    environment::mutant() == Some(mutant)
}

/// Returns whether this process breaks a rule on purpose: never, since the feature `enabled` is
/// off.
#[cfg(not(feature = "enabled"))]
#[inline]
pub const fn mutated(_: Mutant) -> bool {
    false
}

/// Returns the mutant's form of a statement in a process that breaks this rule; otherwise the
/// statement unchanged.
#[cfg(feature = "enabled")]
pub fn sql(mutant: Mutant, statement: &str) -> std::borrow::Cow<'_, str> {
    let (rule, broken) = match mutant {
        Mutant::BlindCheckpoint => ("known.next_offset = moved.expected", "true"),
        Mutant::NoAbsorption => ("< (known.topic", "> (known.topic"),
        Mutant::UnorderedFeed => ("pg_advisory_xact_lock($1)", "$1::bigint"),
        _ => return statement.into(),
    };
    if !mutated(mutant) {
        return statement.into();
    }
    if !statement.contains(rule) {
        tracing::error!(
            rule,
            "mutant not applied: the statement does not contain the rule"
        );
    }
    statement.replace(rule, broken).into()
}

/// Returns the statement as it is, since the feature `enabled` is off.
#[cfg(not(feature = "enabled"))]
#[inline]
pub const fn sql(_: Mutant, statement: &str) -> std::borrow::Cow<'_, str> {
    std::borrow::Cow::Borrowed(statement)
}

/// Returns the time that the caller must wait at a point. The caller sleeps, in its thread or its
/// task.
#[cfg(feature = "enabled")]
pub fn delay(point: Point) -> Option<std::time::Duration> {
    environment::pause(point)
}

/// Returns the time that the caller must wait at a point: none, because the feature `enabled` is
/// off.
#[cfg(not(feature = "enabled"))]
#[inline]
pub const fn delay(_: Point) -> Option<std::time::Duration> {
    None
}

/// Pauses the thread if the environment asks for it at this point.
#[inline]
pub fn pause_at(point: Point) {
    if let Some(delay) = delay(point) {
        std::thread::sleep(delay);
    }
}

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
