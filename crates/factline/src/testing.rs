//! Given, when, then: the words in which the rules of a domain are tested.
//!
//! ```ignore
//! given::<Product>([created()]).when(rename("")).then_rejected(&Rejection::EmptyName);
//! given::<Product>([created()]).by("ada").with_role("clerk").when(rename("b")).then([renamed()]);
//! given::<Checkout>([begun()]).when_due().then([expired()]).concluding(&timed_out());
//! let placed = happened("o-1", placed()).of_process("sales.checkout", "c-1");
//! assert_eq!(react::<OnOrders>(&placed), [note()]);
//! assert_eq!(Shelf::apply(None, &recorded("b-1", lent())), Some(shelf()));
//! ```

use chrono::TimeDelta;
use uuid::Uuid;

use crate::aggregate::Workflow;
use crate::envelope::ANONYMOUS;
use crate::outcome::State;
use crate::policy::What;
use crate::{
    Aggregate, AggregateType as _, CommandOf, Conclusion, Context, Deadline, Decision, Emit,
    Envelope, EventOf, Fact, Messages as _, Outcome, Policy, Recorded, Roles, Sender, Timestamp,
};

/// Starts from the aggregate after these events.
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = EventOf<A::Type>>) -> Given<A> {
    Given {
        state: events
            .into_iter()
            .fold(A::default(), |state, event| state.evolve(&event)),
        now: Timestamp::UNIX_EPOCH,
        actor: ANONYMOUS.to_owned(),
        roles: Roles::none(),
        sender: Sender::Client,
        lateness: TimeDelta::zero(),
    }
}

/// An aggregate with a history, and the context of the next command.
pub struct Given<A> {
    state: A,
    now: Timestamp,
    actor: String,
    roles: Roles,
    sender: Sender,
    lateness: TimeDelta,
}

impl<A: Aggregate> Given<A> {
    /// Sets the command's time; the default is 1970.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// Sets the command's actor; the default is `anonymous`.
    #[must_use]
    pub fn by(self, actor: &str) -> Self {
        let actor = actor.to_owned();
        Self { actor, ..self }
    }

    /// Adds a role of the actor; the default is none.
    ///
    /// # Panics
    /// If the name is invalid.
    #[must_use]
    #[track_caller]
    pub fn with_role(self, role: &str) -> Self {
        match Roles::of(self.roles.iter().chain([role])) {
            Ok(roles) => Self { roles, ..self },
            Err(error) => panic!("{error}"),
        }
    }

    /// Sets the command's sender; the default is a client.
    #[must_use]
    pub fn sent_by(self, sender: Sender) -> Self {
        Self { sender, ..self }
    }

    /// Sets the time by which a deadline is decided late; the default is zero.
    #[must_use]
    pub fn late_by(self, lateness: TimeDelta) -> Self {
        Self { lateness, ..self }
    }

    /// Decides a command.
    pub fn when(self, command: impl Into<CommandOf<A::Type>>) -> Decided<A> {
        let context = Context::at(self.now)
            .with(&self.actor, &self.roles, self.sender)
            .late_by(self.lateness);
        Decided {
            decision: self.state.decide(command.into(), &context),
            state: self.state,
        }
    }

    /// Decides the command of the state's deadline, at its due time. A deadline has an actor but no
    /// roles.
    ///
    /// # Panics
    /// If the state has no deadline.
    #[track_caller]
    pub fn when_due(self) -> Decided<A> {
        let Some(deadline) = self.state.deadline() else {
            panic!("the state has no deadline")
        };
        let due = Self {
            now: deadline.due,
            roles: Roles::none(),
            sender: Sender::Deadline,
            ..self
        };
        due.when(deadline.command)
    }

    /// Decides the state's command for a request to cancel its workflow.
    ///
    /// # Panics
    /// If the state cannot be cancelled.
    #[track_caller]
    pub fn when_cancelled(self) -> Decided<A> {
        let Some(command) = self.state.cancellation() else {
            panic!("the state cannot be cancelled")
        };
        self.when(command)
    }

    /// Returns the state's deadline.
    pub fn deadline(&self) -> Option<Deadline<CommandOf<A::Type>>> {
        self.state.deadline()
    }

    /// Returns the state itself, for properties that no decision shows.
    pub fn state(self) -> A {
        self.state
    }
}

/// The decision on a command.
pub struct Decided<A: Aggregate> {
    decision: Result<Decision<EventOf<A::Type>>, A::Rejection>,
    state: A,
}

impl<A: Aggregate> Decided<A> {
    /// Checks that the command was accepted with exactly these events.
    ///
    /// # Panics
    ///
    /// If the decision was a different one.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = EventOf<A::Type>>) -> Accepted<A> {
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

    /// Checks that the command was accepted without events.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// Checks that the command was refused for exactly this reason.
    ///
    /// # Panics
    ///
    /// If the decision was a different one.
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
    /// Checks that the command's operation stays running.
    ///
    /// # Panics
    ///
    /// If it does not, or if the state has no deadline that limits it.
    #[track_caller]
    pub fn running(&self) -> &Self {
        assert_eq!(self.workflow, Some(Workflow::Begins));
        assert!(
            self.state.deadline().is_some(),
            "a workflow is open, and the state has no deadline"
        );
        self
    }

    /// Checks that the workflow's operation ends with this conclusion.
    ///
    /// # Panics
    ///
    /// If it does not.
    #[track_caller]
    pub fn concluding(&self, conclusion: &Conclusion) -> &Self {
        assert_eq!(self.workflow, Some(Workflow::Ends(conclusion.clone())));
        self
    }

    /// Checks that the state has this deadline.
    ///
    /// # Panics
    ///
    /// If it does not.
    #[track_caller]
    pub fn waking(&self, due: Timestamp, command: impl Into<CommandOf<A::Type>>) -> &Self {
        assert_eq!(self.state.deadline(), Some(Deadline::at(due, command)));
        self
    }
}

/// Decides commands one after another and applies their events. Deadlines that the states set are
/// decided among the commands. It is meant for property tests with commands of any kind in any
/// order.
///
/// # Panics
///
/// - If deciding panics.
/// - If an event leaves the state unchanged, because then `evolve` does not handle what `decide`
///   emits.
/// - If a state does not roundtrip through its serialized form.
/// - If deadlines set each other without end.
#[track_caller]
pub fn withstands<A: Aggregate>(commands: impl IntoIterator<Item = CommandOf<A::Type>>) -> A {
    let mut state = A::default();
    let mut now = Timestamp::UNIX_EPOCH;
    for command in commands {
        state = decided(state, command, &Context::at(now));
        // A deadline that leads to no event is spent. A chain of deadlines must end.
        let mut left = 1_000_u32;
        while let Some(deadline) = state.deadline() {
            assert!(
                left > 0,
                "deadlines of {} set each other for ever",
                A::Type::NAME
            );
            left -= 1;
            now = now.max(deadline.due);
            let before = json(&state);
            let context = Context::of_deadline(ANONYMOUS, now);
            state = decided(state, deadline.command, &context);
            if json(&state) == before {
                break;
            }
        }
        now += chrono::TimeDelta::seconds(1);
    }
    state
}

#[track_caller]
fn decided<A: Aggregate>(state: A, command: CommandOf<A::Type>, context: &Context<'_>) -> A {
    let subject = format!("{} {command:?}", command.record());
    let Ok(decision) = state.decide(command, context) else {
        return state;
    };
    let state = decision.into_events().iter().fold(state, |state, event| {
        let before = json(&state);
        let after = state.evolve(event);
        assert_ne!(
            json(&after),
            before,
            "{subject} led to {event:?}, which evolve does not apply"
        );
        after
    });
    let kept = json(&state);
    match serde_json::from_value::<A>(kept.clone()) {
        Ok(read) => assert_eq!(
            json(&read),
            kept,
            "{subject}: the state deserializes to a different one"
        ),
        Err(error) => panic!("{subject}: the state cannot be deserialized: {error}"),
    }
    state
}

#[track_caller]
fn json<A: Aggregate>(state: &A) -> serde_json::Value {
    match serde_json::to_value(state) {
        Ok(json) => json,
        Err(error) => panic!("a state of {} cannot be serialized: {error}", A::Type::NAME),
    }
}

/// Returns the commands that a policy sends for a fact.
///
/// # Panics
///
/// If the policy addresses an aggregate type that is not one of its targets. A host would halt
/// there.
#[track_caller]
pub fn react<P: Policy>(fact: &Fact<EventOf<P::Source>>) -> Vec<Emit> {
    let emits = P::react(fact);
    for emit in &emits {
        let asked = emit.contract().aggregate;
        let mut targets = P::TARGETS.iter();
        assert!(
            targets.any(|target| target.aggregate == asked),
            "policy {} sends a command to {asked}, which is not one of its targets",
            P::NAME
        );
    }
    emits
}

/// Creates a fact of a policy from an event of an aggregate.
pub fn happened<E: crate::Messages>(subject: &str, event: impl Into<E>) -> Fact<E> {
    let event = event.into();
    Fact {
        envelope: envelope(event.record(), subject),
        what: What::Event(event),
    }
}

/// Creates an event as a view receives it.
pub fn recorded<E: crate::Messages>(subject: &str, event: impl Into<E>) -> Recorded<E> {
    let event = event.into();
    Recorded {
        envelope: envelope(event.record(), subject),
        event,
    }
}

/// Creates a fact of a policy from the outcome of a command.
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
    /// Marks the fact as caused by a command of this process.
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
