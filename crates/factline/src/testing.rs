//! Given, when, then: the words in which the rules of a domain are tested.
//!
//! ```ignore
//! given::<Product>([created()]).when(rename("")).then_rejected(&Rejection::EmptyName);
//! given::<Checkout>([begun()]).when_due().then([expired()]).concluding(&timed_out());
//! assert_eq!(react::<OnOrders>(&happened("o-1", placed()).of_process("sales.checkout", "c-1")), [note()]);
//! ```

use uuid::Uuid;

use crate::aggregate::Workflow;
use crate::outcome::State;
use crate::policy::What;
use crate::{
    Aggregate, Conclusion, Deadline, Decision, Emit, Envelope, Fact, Messages as _, Outcome,
    Policy, Timestamp,
};

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
            state: self.state,
        }
    }

    /// Decides the command of the state's deadline, at its due time.
    ///
    /// # Panics
    /// If the state has no deadline.
    #[track_caller]
    pub fn when_due(self) -> Decided<A> {
        let Some(deadline) = self.state.deadline() else {
            panic!("the state has no deadline")
        };
        self.at(deadline.due).when(deadline.command)
    }

    /// The state's deadline.
    pub fn deadline(&self) -> Option<Deadline<A::Command>> {
        self.state.deadline()
    }

    /// The state itself, for what no decision shows.
    pub fn state(self) -> A {
        self.state
    }
}

/// A command that was decided.
pub struct Decided<A: Aggregate> {
    decision: Result<Decision<A::Event>, A::Rejection>,
    state: A,
}

impl<A: Aggregate> Decided<A> {
    /// Accepted, with just these events.
    ///
    /// # Panics
    /// If the decision was another.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) -> Accepted<A> {
        let expected: Vec<_> = events.into_iter().collect();
        match self.decision {
            Ok(decision) => {
                let workflow = decision.workflow().cloned();
                let events = decision.into_events();
                assert_eq!(events, expected);
                let state = events.iter().fold(self.state, A::evolve);
                Accepted { workflow, state }
            }
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

/// A command that was accepted with the expected events.
pub struct Accepted<A> {
    workflow: Option<Workflow>,
    state: A,
}

impl<A: Aggregate> Accepted<A> {
    /// The command's operation stays running.
    ///
    /// # Panics
    /// If it does not, or if the state has no deadline to bound it.
    #[track_caller]
    pub fn running(&self) -> &Self {
        assert_eq!(self.workflow, Some(Workflow::Begins));
        assert!(
            self.state.deadline().is_some(),
            "a workflow is open, and the state has no deadline"
        );
        self
    }

    /// The workflow's operation ends like this.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn concluding(&self, conclusion: &Conclusion) -> &Self {
        assert_eq!(self.workflow, Some(Workflow::Ends(conclusion.clone())));
        self
    }

    /// The state wants to be woken then, with this.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn waking(&self, due: Timestamp, command: impl Into<A::Command>) -> &Self {
        assert_eq!(self.state.deadline(), Some(Deadline::at(due, command)));
        self
    }
}

/// Decides commands one after another, each with what it leads to taken in and each deadline that the state sets
/// decided with the commands: for property tests with commands of any kind in any order.
///
/// # Panics
/// If deciding panics; if an event leaves the state as it was, since then `evolve` does not know what `decide` emits;
/// if a state does not come back from its serialized form; if deadlines go on for ever.
#[track_caller]
pub fn withstands<A: Aggregate>(commands: impl IntoIterator<Item = A::Command>) -> A {
    let mut state = A::default();
    let mut now = Timestamp::UNIX_EPOCH;
    for command in commands {
        state = decided(state, command, now);
        // A deadline that nothing follows from is spent; one that leads to others must come to an end.
        let mut left = 1_000_u32;
        while let Some(deadline) = state.deadline() {
            assert!(left > 0, "deadlines of {} set each other for ever", A::TYPE);
            left -= 1;
            now = now.max(deadline.due);
            let before = json(&state);
            state = decided(state, deadline.command, now);
            if json(&state) == before {
                break;
            }
        }
        now += chrono::TimeDelta::seconds(1);
    }
    state
}

#[track_caller]
fn decided<A: Aggregate>(state: A, command: A::Command, now: Timestamp) -> A {
    let told = format!("{} {command:?}", command.record());
    let Ok(decision) = state.decide(command, now) else {
        return state;
    };
    let state = decision.into_events().iter().fold(state, |state, event| {
        let before = json(&state);
        let after = state.evolve(event);
        assert_ne!(
            json(&after),
            before,
            "{told} led to {event:?}, which evolve does not apply"
        );
        after
    });
    let kept = json(&state);
    match serde_json::from_value::<A>(kept.clone()) {
        Ok(read) => assert_eq!(json(&read), kept, "{told}: the state reads back as another"),
        Err(error) => panic!("{told}: the state does not read back: {error}"),
    }
    state
}

#[track_caller]
fn json<A: Aggregate>(state: &A) -> serde_json::Value {
    match serde_json::to_value(state) {
        Ok(json) => json,
        Err(error) => panic!("a state of {} cannot be serialized: {error}", A::TYPE),
    }
}

/// What a policy asks for.
///
/// # Panics
///
/// If it asks somebody who is none of its targets, where a host would stop.
#[track_caller]
pub fn react<P: Policy>(fact: &Fact<P::Event>) -> Vec<Emit> {
    let emits = P::react(fact);
    for emit in &emits {
        let asked = emit.contract().aggregate;
        let mut targets = P::TARGETS.iter();
        assert!(
            targets.any(|target| target.aggregate == asked),
            "policy {} asks {asked}, which is none of its targets",
            P::NAME
        );
    }
    emits
}

/// An event of an aggregate, as a fact for a policy.
pub fn happened<E: crate::Messages>(subject: &str, event: impl Into<E>) -> Fact<E> {
    let event = event.into();
    Fact {
        envelope: envelope(event.record(), subject),
        what: What::Event(event),
    }
}

/// The end of a command, as a fact for a policy.
pub fn ended<E>(subject: &str, command: &str, state: State, code: Option<&str>) -> Fact<E> {
    let envelope = envelope(crate::outcome::SCHEMA.name, subject);
    let outcome = Outcome {
        code: code.map(str::to_owned),
        resource: Some(subject.to_owned()),
        ..Outcome::of_command(envelope.operation, command, state, envelope.time)
    };
    Fact {
        envelope,
        what: What::Outcome(Box::new(outcome)),
    }
}

impl<E> Fact<E> {
    /// The same, led to by a process.
    #[must_use]
    pub fn of_process(mut self, aggregate: &str, id: &str) -> Self {
        self.envelope.process_type = Some(aggregate.to_owned());
        self.envelope.process_id = Some(id.to_owned());
        self
    }
}

fn envelope(record: &str, subject: &str) -> Envelope {
    Envelope::of_command(
        Uuid::from_u128(1),
        record,
        "/test",
        subject,
        Timestamp::UNIX_EPOCH,
    )
}
