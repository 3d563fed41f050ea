//! The rules of the protocol, each of which can be left out.

use factline_failpoints::Mutant;

/// A rule that the handler keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The offsets are sent when all records are acknowledged.
    Flush,
    /// The group's metadata is fetched for each transaction.
    FreshMetadata,
    /// A transaction that consumed nothing carries an offset all the same.
    DeadlineOffsets,
    /// A restore reads to the high watermark, not to the last stable offset.
    HighWatermark,
    /// What is revoked is dropped.
    DropRevoked,
    /// State is believed after the commit.
    AdoptAfterCommit,
    /// A command that was decided is not decided again.
    Dedupe,
    /// What was decided is read back in a restore.
    RememberDecided,
    /// A restore asks for the committed offset before it captures the log's end.
    OffsetBeforeEnd,
    /// The committed offset is answered only when no open transaction holds one.
    StableOffset,
    /// A restore waits until everything below the captured end is committed or aborted.
    WaitUntilStable,
    /// A worker commits only as the member that the partition came to.
    SameMember,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Flush,
        Self::FreshMetadata,
        Self::DeadlineOffsets,
        Self::HighWatermark,
        Self::DropRevoked,
        Self::AdoptAfterCommit,
        Self::Dedupe,
        Self::RememberDecided,
        Self::OffsetBeforeEnd,
        Self::StableOffset,
        Self::WaitUntilStable,
        Self::SameMember,
    ];

    /// The name of a handler without this rule: a mutant's, if the code has one too.
    pub const fn left_out(self) -> &'static str {
        match self {
            Self::Flush => Mutant::NoFlush.name(),
            Self::FreshMetadata => Mutant::StaleMetadata.name(),
            Self::DeadlineOffsets => Mutant::NoDeadlineOffsets.name(),
            Self::HighWatermark => Mutant::RestoreToStable.name(),
            Self::DropRevoked => Mutant::KeepRevoked.name(),
            Self::AdoptAfterCommit => Mutant::AdoptBeforeCommit.name(),
            Self::Dedupe => Mutant::NoDedupe.name(),
            Self::RememberDecided => Mutant::ForgetDedupe.name(),
            Self::OffsetBeforeEnd => "end-before-offset",
            Self::StableOffset => "unstable-offset",
            Self::WaitUntilStable => "no-wait-until-stable",
            Self::SameMember => "any-member",
        }
    }
}
