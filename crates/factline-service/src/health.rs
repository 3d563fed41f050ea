//! Liveness and readiness.
//!
//! *Live* means that the process answers at all. Its dependencies do not count, because a restart
//! would not fix them. *Ready* means that every component reports that it can work. A process
//! declares its components with [`Health::expect`] before it listens, so that a component that has
//! not reported yet keeps it from being ready.
//!
//! A process that can do a part of its work without some of its components declares these with
//! [`Health::expect_any`]. It is ready while one of them can work, and *degraded* while another one
//! cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state of each component. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health {
    components: Arc<Mutex<Components>>,
}

#[derive(Debug, Default)]
struct Components {
    states: BTreeMap<String, Result<(), String>>,
    /// The components of which one is enough.
    any: BTreeSet<String>,
}

impl Health {
    /// Declares a component that has not reported yet. The process is not ready until it does.
    pub fn expect(&self, component: &str) {
        let mut components = self.lock();
        let state = components.states.entry(component.to_owned());
        state.or_insert_with(|| Err("starting".to_owned()));
    }

    /// Declares components of which one is enough for the process to be ready.
    pub fn expect_any(&self, components: &[&str]) {
        for component in components {
            self.expect(component);
            self.lock().any.insert((*component).to_owned());
        }
    }

    /// Sets the state of a component. The error is the reason that `/health/ready` returns; keep it
    /// short and exact. A change is logged; the same state again is not.
    pub fn set(&self, component: &str, state: Result<(), String>) {
        let mut components = self.lock();
        let before = components
            .states
            .insert(component.to_owned(), state.clone());
        drop(components);
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
        self.lock().states.remove(component);
    }

    /// Returns the reasons for which the process is not ready, one `component: reason` each; empty
    /// if it is ready.
    pub fn reasons(&self) -> Vec<String> {
        let components = self.lock();
        let any_works = components.any_works();
        components.failing(|component| !any_works || !components.any.contains(component))
    }

    /// Returns what the process cannot do although it is ready, one `component: reason` each.
    pub fn degraded(&self) -> Vec<String> {
        let components = self.lock();
        let any_works = components.any_works();
        components.failing(|component| any_works && components.any.contains(component))
    }

    fn lock(&self) -> MutexGuard<'_, Components> {
        self.components
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Components {
    /// Returns whether one of the components of which one is enough can work.
    fn any_works(&self) -> bool {
        let mut any = self.any.iter().filter_map(|any| self.states.get(any));
        any.any(Result::is_ok)
    }

    fn failing(&self, counts: impl Fn(&str) -> bool) -> Vec<String> {
        let states = self.states.iter();
        let states = states.filter(|(component, _)| counts(component));
        let failing = states.filter_map(|(component, state)| {
            let reason = state.as_ref().err()?;
            Some(format!("{component}: {reason}"))
        });
        failing.collect()
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
    fn one_of_several_components_is_enough() {
        let health = Health::default();
        health.expect_any(&["reads", "writes"]);
        let starting = ["reads: starting", "writes: starting"];
        assert_eq!((health.reasons().len(), health.degraded().len()), (2, 0));
        assert_eq!(health.reasons(), starting);
        health.set("writes", Ok(()));
        assert!(health.reasons().is_empty());
        assert_eq!(health.degraded(), ["reads: starting"]);
        // Another component is still needed.
        health.expect("kafka");
        assert_eq!(health.reasons(), ["kafka: starting"]);
        health.set("kafka", Ok(()));
        health.set("writes", Err("refused".into()));
        assert_eq!(health.reasons(), ["reads: starting", "writes: refused"]);
        assert!(health.degraded().is_empty());
    }

    #[test]
    fn expect_keeps_a_reported_state() {
        let health = Health::default();
        health.set("kafka", Ok(()));
        health.expect("kafka");
        assert!(health.reasons().is_empty());
    }
}
