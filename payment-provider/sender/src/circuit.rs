//! Circuit breaker: tells a provider that fails from a payment that fails.
//!
//! - While the provider answers no request, the circuit is open: one payment at a time is tried,
//!   and only a few, so that a provider that recovers is not flooded.
//! - A request that has failed several times while others succeeded fails because of the payment.
//!   Its payment is parked, and the others go on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Number of failures, with successes of other requests between them, after which the payment is
/// the cause.
const TRIES: u32 = 5;

/// Circuit to the provider, with the requests that fail.
#[derive(Debug, Default)]
pub struct Circuit(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Set while no request succeeds.
    is_open: bool,
    /// Number of requests that the provider has answered.
    answered: u64,
    /// Number of rounds of requests of which it has answered none.
    unanswered: usize,
    /// The requests that fail, by their keys.
    failing: HashMap<String, Failing>,
}

#[derive(Debug)]
struct Failing {
    /// Number of failures, each after an answer to another request.
    tries: u32,
    /// Number of answers at the last of these failures.
    answered: u64,
}

impl Circuit {
    /// Returns the number of payments to request at the same time.
    pub fn together(&self, most: usize) -> usize {
        if self.known().is_open { 1 } else { most }
    }

    /// Records that the provider has answered a request.
    pub fn answered(&self, key: &str) {
        let mut known = self.known();
        known.answered += 1;
        known.failing.remove(key);
        known.turn(false);
    }

    /// Records that a request has failed. Returns whether the payment is the cause.
    pub fn failed(&self, key: &str) -> bool {
        let mut known = self.known();
        let answered = known.answered;
        let failing = known.failing.entry(key.to_owned());
        let failing = failing.or_insert(Failing { tries: 0, answered });
        if failing.tries == 0 || failing.answered < answered {
            *failing = Failing {
                tries: failing.tries + 1,
                answered,
            };
        }
        let is_the_cause = failing.tries >= TRIES;
        if is_the_cause {
            known.failing.remove(key);
        }
        is_the_cause
    }

    /// Records that all requests of a round have failed.
    pub fn all_failed(&self) {
        let mut known = self.known();
        known.unanswered += 1;
        known.turn(true);
    }

    /// Returns the number of rounds in which all requests have failed. A batch that is tried again
    /// begins with another payment each time: the first ones may fail for themselves.
    pub fn unanswered(&self) -> usize {
        self.known().unanswered
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn turn(&mut self, is_open: bool) {
        if self.is_open != is_open {
            self.is_open = is_open;
            tracing::warn!(is_open, "circuit to the payment provider");
            metrics::gauge!("factline_provider_circuit_open").set(f64::from(u8::from(is_open)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_that_fails_while_others_succeed_is_the_cause() {
        let circuit = Circuit::default();
        for _ in 1..TRIES {
            assert!(!circuit.failed("odd"));
            circuit.answered("another");
        }
        assert!(circuit.failed("odd"));
    }

    #[test]
    fn request_is_not_the_cause_while_the_provider_answers_none() {
        let circuit = Circuit::default();
        circuit.answered("before");
        for _ in 0..10 * TRIES {
            assert!(!circuit.failed("a"));
            assert!(!circuit.failed("b"));
        }
        circuit.answered("a");
        assert!(!circuit.failed("b"));
    }

    #[test]
    fn open_circuit_tries_one_request_until_one_succeeds() {
        let circuit = Circuit::default();
        assert_eq!(circuit.together(16), 16);
        circuit.all_failed();
        assert_eq!(circuit.together(16), 1);
        circuit.answered("probe");
        assert_eq!(circuit.together(16), 16);
    }
}
