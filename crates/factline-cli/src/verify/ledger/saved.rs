//! The form of a ledger in a state file.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::finding::{Findings, Kind};
use super::{AggregateId, Doubt, End, Ledger, Names};

/// A ledger without its names and its commands, which are read again.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Saved {
    sequence: u64,
    outcomes_since: Option<i64>,
    versions: Vec<(String, u64)>,
    ended: Vec<(Uuid, End)>,
    running: Vec<(Uuid, i64)>,
    doubtful: Vec<(Uuid, Doubt)>,
    findings: Findings,
}

impl Ledger {
    /// Returns the form for a state file.
    pub(in super::super) fn save(&self) -> Saved {
        let versions = self.versions.iter();
        let mut findings = self.findings.clone();
        // Another run looks again.
        findings.remove(Kind::NoCommittedOffset);
        Saved {
            sequence: self.sequence,
            outcomes_since: self.outcomes_since,
            versions: versions
                .map(|(id, version)| (id.to_string(), *version))
                .collect(),
            ended: self.ended.iter().map(|(id, end)| (*id, *end)).collect(),
            running: self.running.iter().map(|(id, at)| (*id, *at)).collect(),
            doubtful: self.doubtful.clone().into_iter().collect(),
            findings,
        }
    }

    /// Restores a ledger.
    pub(in super::super) fn restore(names: Names, saved: Saved) -> Self {
        let versions = saved.versions.into_iter();
        Self {
            sequence: saved.sequence,
            outcomes_since: saved.outcomes_since,
            versions: versions
                .map(|(id, version)| (AggregateId::from(id.as_bytes()), version))
                .collect(),
            ended: saved.ended.into_iter().collect(),
            running: saved.running.into_iter().collect(),
            doubtful: saved.doubtful.into_iter().collect(),
            findings: saved.findings,
            ..Self::new(names)
        }
    }
}
