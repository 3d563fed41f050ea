//! Given, when, then: the words in which the rules of a domain are tested.
//!
//! ```ignore
//! given::<Product>([created()]).when(rename("")).then_rejected(&Rejection::EmptyName);
//! ```

use crate::{Aggregate, Decision, Timestamp};

/// The aggregate after these events.
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    Given {
        state: events
            .into_iter()
            .fold(A::default(), |state, event| state.evolve(&event)),
        now: Timestamp::UNIX_EPOCH,
    }
}

/// An aggregate with a history.
pub struct Given<A> {
    state: A,
    now: Timestamp,
}

impl<A: Aggregate> Given<A> {
    /// The command's time; 1970 unless set.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// Decides a command.
    pub fn when(self, command: impl Into<A::Command>) -> Decided<A> {
        Decided {
            decision: self.state.decide(command.into(), self.now),
        }
    }

    /// The state itself, for what no decision shows.
    pub fn state(self) -> A {
        self.state
    }
}

/// A command that was decided.
pub struct Decided<A: Aggregate> {
    decision: Result<Decision<A::Event>, A::Rejection>,
}

impl<A: Aggregate> Decided<A> {
    /// Accepted, with just these events.
    ///
    /// # Panics
    /// If the decision was another.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) {
        let expected: Vec<_> = events.into_iter().collect();
        match self.decision {
            Ok(decision) => assert_eq!(decision.into_events(), expected),
            Err(rejection) => panic!("rejected: {rejection}; expected {expected:?}"),
        }
    }

    /// Accepted as already so.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// Refused, for just this reason.
    ///
    /// # Panics
    /// If the decision was another.
    #[track_caller]
    pub fn then_rejected(self, rejection: &A::Rejection) {
        match self.decision {
            Ok(decision) => panic!(
                "accepted with {:?}; expected {rejection:?}",
                decision.into_events()
            ),
            Err(actual) => assert_eq!(&actual, rejection),
        }
    }
}
