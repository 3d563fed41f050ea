//! The readiness that hosts in the test process report.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use factline_kafka::consumer::readiness::Report;

use crate::wait::eventually;

/// Readiness reported by hosts. Clones share the reports.
#[derive(Debug, Clone, Default)]
pub struct Reports(Arc<Mutex<Reported>>);

#[derive(Debug, Default)]
struct Reported {
    latest: HashMap<String, Result<(), String>>,
    reasons: Vec<String>,
}

impl Reports {
    /// Returns the function for a host to report to.
    pub fn report(&self) -> Report {
        let reports = self.clone();
        Arc::new(move |component, state| {
            let mut reported = reports.reported();
            reported.reasons.extend(state.clone().err());
            reported.latest.insert(component.to_owned(), state);
        })
    }

    /// Returns the latest state of a component; none before its first report.
    pub fn latest(&self, component: &str) -> Option<Result<(), String>> {
        self.reported().latest.get(component).cloned()
    }

    /// Returns the latest state of every component.
    pub fn all(&self) -> HashMap<String, Result<(), String>> {
        self.reported().latest.clone()
    }

    /// Returns every reason that was reported for being not ready, in order.
    pub fn reasons(&self) -> Vec<String> {
        self.reported().reasons.clone()
    }

    /// Waits until a component is ready.
    ///
    /// # Panics
    /// If it is not ready in time.
    pub async fn until_ready(&self, component: &str) {
        eventually(&format!("{component} is ready"), async || {
            self.latest(component) == Some(Ok(()))
        })
        .await;
    }

    /// Returns whether a component reports that this partition is halted. The place is the end of
    /// the topic's name, a slash and the partition, such as `events/3`.
    pub fn halted(&self, component: &str, place: &str) -> bool {
        let halted = format!("{place} is halted");
        matches!(self.latest(component), Some(Err(reason)) if reason.contains(&halted))
    }

    /// Waits until a component reports that this partition is [halted](Self::halted).
    ///
    /// # Panics
    /// If it does not report that in time.
    pub async fn until_halted(&self, component: &str, place: &str) {
        eventually(
            &format!("{component} reports {place} as halted"),
            async || self.halted(component, place),
        )
        .await;
    }

    /// Waits until a component is not ready for a reason that contains this text.
    ///
    /// # Panics
    /// If it does not report such a reason in time.
    pub async fn until_it_reports(&self, component: &str, text: &str) {
        eventually(
            &format!("{component} reports {text}"),
            async || matches!(self.latest(component), Some(Err(reason)) if reason.contains(text)),
        )
        .await;
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        self.0.lock().unwrap()
    }
}
