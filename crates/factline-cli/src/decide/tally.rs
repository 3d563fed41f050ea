//! The counts of a run, and the decisions that differ, grouped by their kind.

use std::collections::BTreeMap;

use factline_handler::dry_run::{DecisionResult, Difference, Reason, Skipped, Verdict};

/// The counts of an aggregate type.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Number of decisions that are equal, with their outcomes.
    pub(super) same: u64,
    /// Number of decisions whose events are equal; their outcomes are deleted.
    pub(super) same_events: u64,
    /// The decisions that were not compared, by the reason.
    pub(super) skipped: BTreeMap<Reason, Uncompared>,
    pub(super) groups: BTreeMap<Kind, Group>,
}

/// A kind of difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) command: String,
    pub(super) old: String,
    pub(super) new: String,
    /// The first field that differs.
    pub(super) field: String,
}

/// The decisions of one kind of difference.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) count: u64,
    /// The first of them, in the order of their times.
    pub(super) first: Vec<Difference>,
}

/// Decisions that were not compared for one reason.
#[derive(Debug)]
pub(super) struct Uncompared {
    pub(super) count: u64,
    /// One of them: the first by its place.
    pub(super) example: Skipped,
}

impl Kind {
    fn of(difference: &Difference) -> Self {
        let new = difference.new.as_ref();
        Self {
            command: difference.command.clone(),
            old: difference.old.kind(),
            new: new.map_or_else(|| "no deadline".to_owned(), DecisionResult::kind),
            field: difference.field.clone(),
        }
    }
}

impl Tally {
    /// Counts a verdict. `rows` is the number of decisions to keep for each kind of difference.
    pub(super) fn take(&mut self, verdict: Verdict, rows: usize) {
        match verdict {
            Verdict::Same => self.same += 1,
            Verdict::SameEvents => self.same_events += 1,
            Verdict::Skipped(skipped) => {
                self.add_skipped(skipped.reason, 1, *skipped);
            }
            Verdict::Differs(difference) => {
                let kind = Kind::of(&difference);
                self.add_group(kind, 1, vec![*difference], rows);
            }
        }
    }

    /// Adds the counts of other partitions.
    pub(super) fn merge(&mut self, other: Self, rows: usize) {
        self.same += other.same;
        self.same_events += other.same_events;
        for (reason, uncompared) in other.skipped {
            self.add_skipped(reason, uncompared.count, uncompared.example);
        }
        for (kind, group) in other.groups {
            self.add_group(kind, group.count, group.first, rows);
        }
    }

    /// Returns the number of decisions that are equal, as far as they were compared.
    pub(super) fn same(&self) -> u64 {
        self.same + self.same_events
    }

    /// Returns the number of decisions that differ.
    pub(super) fn differ(&self) -> u64 {
        self.groups.values().map(|group| group.count).sum()
    }

    /// Returns the number of decisions that should have been compared and could not be.
    pub(super) fn failed(&self) -> u64 {
        let failed = self
            .skipped
            .iter()
            .filter(|(reason, _)| reason.is_failure());
        failed.map(|(_, uncompared)| uncompared.count).sum()
    }

    /// Returns the number of decisions that were not compared.
    pub(super) fn uncompared(&self) -> u64 {
        let skipped = self.skipped.values();
        skipped.map(|uncompared| uncompared.count).sum()
    }

    /// Returns the kinds of differences, the most frequent first.
    pub(super) fn kinds(&self) -> Vec<(&Kind, &Group)> {
        let mut kinds: Vec<_> = self.groups.iter().collect();
        kinds.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        kinds
    }

    fn add_skipped(&mut self, reason: Reason, count: u64, example: Skipped) {
        let known = self.skipped.entry(reason).or_insert_with(|| Uncompared {
            count: 0,
            example: example.clone(),
        });
        known.count += count;
        if example.place < known.example.place {
            known.example = example;
        }
    }

    fn add_group(&mut self, kind: Kind, count: u64, first: Vec<Difference>, rows: usize) {
        let group = self.groups.entry(kind).or_default();
        group.count += count;
        group.first.extend(first);
        if group.first.len() > rows {
            group
                .first
                .sort_by(|one, other| (one.time, &one.place).cmp(&(other.time, &other.place)));
            group.first.truncate(rows);
        }
    }
}
