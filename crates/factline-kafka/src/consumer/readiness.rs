//! How a member of a group is: ready, or why not. What may be wrong with it for a while, `T`, is the host's matter, and is told
//! in the order of its values; behind it, the partitions that are stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::consumer::group::Key;

/// Receives a component's readiness: ready, or the reason why not.
pub type Report = Arc<dyn Fn(&str, Result<(), String>) + Send + Sync>;

/// Tells whoever asks about readiness; called only when the answer changes.
pub struct Condition<T> {
    report: Box<dyn Fn(Result<(), String>) + Send>,
    told: Option<Result<(), String>>,
    troubles: BTreeMap<T, String>,
    stopped: BTreeMap<Key, String>,
}

impl<T: Ord> Condition<T> {
    /// Not ready until it has joined its group, which is one of the things that may be wrong.
    pub fn new(report: impl Fn(Result<(), String>) + Send + 'static, joining: T) -> Self {
        let mut condition = Self {
            report: Box::new(report),
            told: None,
            troubles: BTreeMap::new(),
            stopped: BTreeMap::new(),
        };
        let reason = "has not joined its consumer group yet";
        condition.set(joining, Some(reason.to_owned()));
        condition
    }

    /// Something is wrong, or, with no reason, is not any more.
    pub fn set(&mut self, trouble: T, reason: Option<String>) {
        match reason {
            Some(reason) => self.troubles.insert(trouble, reason),
            None => self.troubles.remove(&trouble),
        };
        self.tell();
    }

    /// A partition is stopped.
    pub fn stopped(&mut self, key: Key, why: String) {
        self.stopped.insert(key, why);
        self.tell();
    }

    /// A partition is ours no more, or begins anew.
    pub fn released(&mut self, key: &Key) {
        self.stopped.remove(key);
        self.tell();
    }

    /// It has ended.
    pub fn ended(&self) {
        (self.report)(Err("stopped".to_owned()));
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
