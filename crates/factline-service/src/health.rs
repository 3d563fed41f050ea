//! Liveness and readiness.
//!
//! *Live* means that the process answers at all. Its dependencies do not count, because a restart
//! would not fix them. *Ready* means that every component reports that it can work. A process
//! declares its components with [`Health::expect`] before it listens, so that a component that has
//! not reported yet keeps it from being ready.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state of each component. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health {
    components: Arc<Mutex<BTreeMap<String, Result<(), String>>>>,
}

impl Health {
    /// Declares a component that has not reported yet. The process is not ready until it does.
    pub fn expect(&self, component: &str) {
        self.lock()
            .entry(component.to_owned())
            .or_insert_with(|| Err("starting".to_owned()));
    }

    /// Sets the state of a component. The error is the reason that `/health/ready` returns; keep it
    /// short and exact. A change is logged; the same state again is not.
    pub fn set(&self, component: &str, state: Result<(), String>) {
        let before = self.lock().insert(component.to_owned(), state.clone());
        if before.as_ref() == Some(&state) {
            return;
        }
        match state {
            Ok(()) => tracing::info!(component, "component is ready"),
            Err(reason) => tracing::warn!(component, reason, "component is not ready"),
        }
    }

    /// Returns [`set`](Self::set) as a function, for hosts that do not know this type.
    pub fn report(&self) -> impl Fn(&str, Result<(), String>) + Send + Sync + 'static {
        let health = self.clone();
        move |component, state| health.set(component, state)
    }

    /// Removes a component, such as a partition that another instance took over.
    pub fn forget(&self, component: &str) {
        self.lock().remove(component);
    }

    /// Returns the reasons for which the process is not ready, one `component: reason` each; empty
    /// if it is ready.
    pub fn reasons(&self) -> Vec<String> {
        self.lock()
            .iter()
            .filter_map(|(component, state)| {
                let reason = state.as_ref().err()?;
                Some(format!("{component}: {reason}"))
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Result<(), String>>> {
        self.components
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_ready_when_every_component_is() {
        let health = Health::default();
        assert!(health.reasons().is_empty());
        health.expect("kafka");
        health.expect("registry");
        assert_eq!(health.reasons(), ["kafka: starting", "registry: starting"]);
        health.set("kafka", Ok(()));
        health.set("registry", Err("refused".into()));
        assert_eq!(health.reasons(), ["registry: refused"]);
        health.forget("registry");
        assert!(health.reasons().is_empty());
    }

    #[test]
    fn expect_keeps_a_reported_state() {
        let health = Health::default();
        health.set("kafka", Ok(()));
        health.expect("kafka");
        assert!(health.reasons().is_empty());
    }
}
