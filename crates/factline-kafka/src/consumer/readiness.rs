//! Readiness of a group member: ready, or the reasons why not. The host defines the temporary
//! problems, `T`; they are reported in the order of their values. The halted partitions follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::topics::TopicPartition;

/// Receives a component's readiness: ready, or the reason why not.
pub type Report = Arc<dyn Fn(&str, Result<(), String>) + Send + Sync>;

/// A component of a process, which reports its readiness by its name.
#[derive(Clone)]
pub struct Component {
    name: String,
    report: Report,
}

impl Component {
    /// Creates a component.
    pub fn new(name: impl Into<String>, report: &Report) -> Self {
        Self {
            name: name.into(),
            report: Arc::clone(report),
        }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reports that it is ready, or the reason why not.
    pub fn report(&self, state: Result<(), String>) {
        (self.report)(&self.name, state);
    }
}

/// Readiness of a host. It calls the report only when the readiness changes.
pub struct Readiness<T> {
    report: Box<dyn Fn(Result<(), String>) + Send>,
    published: Option<Result<(), String>>,
    problems: BTreeMap<T, String>,
    halted: BTreeMap<TopicPartition, String>,
}

impl<T: Ord> Readiness<T> {
    /// Creates a readiness that is not ready until the host has joined its group, the problem
    /// `joining`.
    pub fn new(report: impl Fn(Result<(), String>) + Send + 'static, joining: T) -> Self {
        let mut readiness = Self {
            report: Box::new(report),
            published: None,
            problems: BTreeMap::new(),
            halted: BTreeMap::new(),
        };
        let reason = "has not joined its consumer group yet";
        readiness.set(joining, Some(reason.to_owned()));
        readiness
    }

    /// Sets the reason of a problem; with no reason, clears the problem.
    pub fn set(&mut self, problem: T, reason: Option<String>) {
        // Hosts set and clear their problems in every turn.
        if self.problems.get(&problem) == reason.as_ref() {
            return;
        }
        match reason {
            Some(reason) => self.problems.insert(problem, reason),
            None => self.problems.remove(&problem),
        };
        self.publish();
    }

    /// Records that a partition is halted.
    pub fn halted(&mut self, key: TopicPartition, why: String) {
        self.halted.insert(key, why);
        self.publish();
    }

    /// Clears a partition that was revoked, or that starts again.
    pub fn released(&mut self, key: &TopicPartition) {
        if self.halted.remove(key).is_some() {
            self.publish();
        }
    }

    /// Reports that the host has stopped.
    pub fn ended(&self) {
        (self.report)(Err("stopped".to_owned()));
    }

    fn publish(&mut self) {
        let mut reasons: Vec<String> = self.problems.values().cloned().collect();
        for ((topic, partition), why) in &self.halted {
            reasons.push(format!("{topic}/{partition} is halted: {why}"));
        }
        let now = if reasons.is_empty() {
            Ok(())
        } else {
            Err(reasons.join("; "))
        };
        if self.published.as_ref() != Some(&now) {
            (self.report)(now.clone());
            self.published = Some(now);
        }
    }
}
