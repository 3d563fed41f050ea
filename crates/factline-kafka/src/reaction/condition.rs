//! How a reaction is: ready, or why not.

use std::collections::BTreeMap;

use super::Report;
use crate::member::Key;

/// What may be wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
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

/// Tells whoever asks about readiness; only when the answer changes.
pub(super) struct Condition {
    name: String,
    report: Report,
    told: Option<Result<(), String>>,
    troubles: BTreeMap<Trouble, String>,
    stopped: BTreeMap<Key, String>,
}

impl Condition {
    pub(super) fn new(name: &str, report: Report) -> Self {
        let mut condition = Self {
            name: name.to_owned(),
            report,
            told: None,
            troubles: BTreeMap::new(),
            stopped: BTreeMap::new(),
        };
        let joining = "has not joined its consumer group yet";
        condition.set(Trouble::Joining, Some(joining.to_owned()));
        condition
    }

    /// Something is wrong, or, with no reason, is not any more.
    pub(super) fn set(&mut self, trouble: Trouble, reason: Option<String>) {
        match reason {
            Some(reason) => self.troubles.insert(trouble, reason),
            None => self.troubles.remove(&trouble),
        };
        self.tell();
    }

    /// A partition is stopped.
    pub(super) fn stopped(&mut self, key: Key, why: String) {
        self.stopped.insert(key, why);
        self.tell();
    }

    /// A partition is ours no more, or begins anew.
    pub(super) fn released(&mut self, key: &Key) {
        self.stopped.remove(key);
        self.tell();
    }

    /// The reaction has ended.
    pub(super) fn ended(&self) {
        (self.report)(&self.name, Err("stopped".to_owned()));
    }

    fn tell(&mut self) {
        let mut reasons: Vec<String> = self.troubles.values().cloned().collect();
        for ((topic, partition), why) in &self.stopped {
            reasons.push(format!("{topic}/{partition} is stopped: {why}"));
        }
        let now = if reasons.is_empty() {
            Ok(())
        } else {
            Err(reasons.join("; "))
        };
        if self.told.as_ref() != Some(&now) {
            (self.report)(&self.name, now.clone());
            self.told = Some(now);
        }
    }
}
