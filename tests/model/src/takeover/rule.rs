//! The rules of the protocol; each can be left out.

use factline_failpoints::Mutant;

/// A rule of the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The offsets are sent after all records are acknowledged.
    Flush,
    /// The group's metadata is fetched for each transaction.
    FreshMetadata,
    /// A transaction that consumed no record still carries an offset.
    DeadlineOffsets,
    /// Recovery reads to the high watermark, not to the last stable offset.
    HighWatermark,
    /// The state of a revoked partition is dropped.
    DropRevoked,
    /// State is adopted after the commit.
    AdoptAfterCommit,
    /// A batch that was decided on another one is dropped if that one is not committed.
    DropNext,
    /// A decided command is not decided again.
    Dedupe,
    /// Recovery reads the decided command ids back.
    RememberDecided,
    /// Recovery fetches the committed offset before it captures the log's end.
    OffsetBeforeEnd,
    /// The committed offset is returned only when no open transaction holds an offset.
    StableOffset,
    /// Recovery waits until everything below the captured end is committed or aborted.
    WaitUntilStable,
    /// A worker commits only with the member id to which the partition was assigned.
    SameMember,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 13] = [
        Self::Flush,
        Self::FreshMetadata,
        Self::DeadlineOffsets,
        Self::HighWatermark,
        Self::DropRevoked,
        Self::AdoptAfterCommit,
        Self::DropNext,
        Self::Dedupe,
        Self::RememberDecided,
        Self::OffsetBeforeEnd,
        Self::StableOffset,
        Self::WaitUntilStable,
        Self::SameMember,
    ];

    /// Returns the name of a handler without this rule: the mutant's name, if the code has one too.
    pub const fn left_out(self) -> &'static str {
        match self {
            Self::Flush => Mutant::NoFlush.name(),
            Self::FreshMetadata => Mutant::StaleMetadata.name(),
            Self::DeadlineOffsets => Mutant::NoDeadlineOffsets.name(),
            Self::HighWatermark => Mutant::RestoreToStable.name(),
            Self::DropRevoked => Mutant::KeepRevoked.name(),
            Self::AdoptAfterCommit => Mutant::AdoptBeforeCommit.name(),
            Self::DropNext => Mutant::KeepNext.name(),
            Self::Dedupe => Mutant::NoDedupe.name(),
            Self::RememberDecided => Mutant::ForgetDedupe.name(),
            Self::OffsetBeforeEnd => "end-before-offset",
            Self::StableOffset => "unstable-offset",
            Self::WaitUntilStable => "no-wait-until-stable",
            Self::SameMember => "any-member",
        }
    }
}
