//! How a follower is: ready, or why not.

use std::collections::BTreeMap;

use factline_kafka::member::Key;

/// What may be wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The group has not said yet which partitions are ours.
    Joining,
    /// No broker can be reached.
    Brokers,
    /// Topics that must be there are not.
    Topics,
    /// Records cannot be read.
    Reading,
    /// Checkpoints cannot be read, or rows not written.
    Writing,
}

/// Tells whoever asks about readiness; called only when the answer changes.
pub(crate) struct Condition {
    report: Box<dyn Fn(Result<(), String>) + Send>,
    told: Option<Result<(), String>>,
    troubles: BTreeMap<Trouble, String>,
    stopped: BTreeMap<Key, String>,
}

impl Condition {
    pub(crate) fn new(report: Box<dyn Fn(Result<(), String>) + Send>) -> Self {
        let mut condition = Self {
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
    pub(crate) fn set(&mut self, trouble: Trouble, reason: Option<String>) {
        match reason {
            Some(reason) => self.troubles.insert(trouble, reason),
            None => self.troubles.remove(&trouble),
        };
        self.tell();
    }

    /// A partition is stopped.
    pub(crate) fn stopped(&mut self, key: Key, why: String) {
        self.stopped.insert(key, why);
        self.tell();
    }

    /// A partition is ours no more, or begins anew.
    pub(crate) fn released(&mut self, key: &Key) {
        self.stopped.remove(key);
        self.tell();
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
            (self.report)(now.clone());
            self.told = Some(now);
        }
    }
}
