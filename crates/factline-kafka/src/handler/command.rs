//! One command, from its record to what it leads to. Nothing here talks to a broker.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::outcome::State;
use factline::{Aggregate, Envelope, Outcome, Rejection as _, Timestamp, avro};

use super::chain;
use super::outgoing::{Outgoing, Wire, outcome_of};
use super::partition::{Overlay, Stored};
use crate::decode;
use crate::record::Record;
use crate::topics::partition_of;

/// Records above this are failed here; what the broker refuses below it is found when it refuses.
const LARGEST: usize = 2_000_000;

/// A command's own fault: it fails, alone, with a dead letter.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("command cannot be read: {}", chain(.0))]
    Unreadable(decode::Error),
    #[error("key of the record is not the subject {subject}")]
    Key { subject: String },
    #[error(
        "command for {subject} belongs on partition {expected}: its producer does not partition by murmur2"
    )]
    Partition { subject: String, expected: i32 },
    #[error("deciding the command panicked: {0}")]
    Panic(String),
    #[error("result cannot be written: {}", chain(.0))]
    Unwritable(avro::Error),
    #[error("a record that the command leads to is too large")]
    TooLarge,
}

impl Fault {
    /// The outcome's code.
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Key { .. } => "wrong_key",
            Self::Partition { .. } => "wrong_partition",
            Self::Panic(_) => "panic",
            Self::Unwritable(_) => "unwritable",
            Self::TooLarge => "too_large",
        }
    }
}

/// What a command led to.
#[derive(Debug)]
pub(super) struct Handled {
    /// None if its operation was decided before.
    pub(super) state: Option<State>,
    pub(super) outgoing: Vec<Outgoing>,
}

/// Handles one command against the overlay. An error is not the command's fault: the registry is away.
pub(super) fn handle<A: Aggregate>(
    wire: &Wire,
    runtime: &tokio::runtime::Handle,
    overlay: &mut Overlay<'_, A>,
    record: &Record,
    fault: Option<Fault>,
) -> Result<Handled, decode::Error> {
    let now = overlay.advance(record.timestamp);
    let operation = record.operation();
    if overlay.is_decided(operation) {
        return Ok(Handled {
            state: None,
            outgoing: Vec::new(),
        });
    }
    // Whatever a record makes panic, in the domain or in a library, is that record's own fault.
    let attempt = AssertUnwindSafe(|| {
        let read = match fault {
            Some(fault) => Err(fault),
            None => match runtime.block_on(decode::message::<A::Command>(&wire.registry, record)) {
                Err(error) if error.is_transient() => return Err(error),
                read => read.map_err(Fault::Unreadable),
            },
        };
        Ok(read.and_then(|(envelope, command)| {
            addressed(wire, record, &envelope)?;
            decide(wire, overlay, (record, &envelope), command, now)
        }))
    });
    let decided = match catch_unwind(attempt) {
        Ok(decided) => decided?,
        Err(panic) => Err(Fault::Panic(message(&*panic))),
    };
    // The outcome's schema is the kit's, so its encoding does not fail on data.
    let handled = decided
        .or_else(|fault| failed(wire, record, &fault, now))
        .map_err(decode::Error::Avro)?;
    overlay.decided(operation);
    Ok(handled)
}

/// A command sits on the partition of its key, and its key is the aggregate: else its order would mean nothing.
fn addressed(wire: &Wire, record: &Record, envelope: &Envelope) -> Result<(), Fault> {
    let subject = envelope.subject.clone();
    if record.key.as_deref() != Some(subject.as_bytes()) {
        return Err(Fault::Key { subject });
    }
    match partition_of(subject.as_bytes(), wire.contract.partitions) {
        expected if expected == record.partition => Ok(()),
        expected => Err(Fault::Partition { subject, expected }),
    }
}

fn decide<A: Aggregate>(
    wire: &Wire,
    overlay: &mut Overlay<'_, A>,
    (record, envelope): (&Record, &Envelope),
    command: A::Command,
    now: Timestamp,
) -> Result<Handled, Fault> {
    let before = overlay.load(&envelope.subject);
    let (after, events, rejection) = evolved(&before, overlay.sequence(), command, now);
    let mut outgoing = Vec::with_capacity(events.len() + 1);
    for (number, event) in (1..).zip(&events) {
        let (version, sequence) = (before.version + number, overlay.sequence() + number);
        let event = wire
            .event((record, envelope), event, version, sequence, now)
            .map_err(Fault::Unwritable)?;
        outgoing.push(event);
    }
    let state = if rejection.is_some() {
        State::Rejected
    } else {
        State::Completed
    };
    let (code, reason) = rejection.unzip();
    let outcome = Outcome {
        code,
        reason,
        version: (after.version > 0).then_some(after.version.cast_signed()),
        position: (after.sequence > 0)
            .then(|| wire.position(record.partition, after.sequence).to_string()),
        ..outcome_of(record, Some(envelope), state, now)
    };
    outgoing.push(
        wire.outcome((record, Some(envelope)), &outcome, now)
            .map_err(Fault::Unwritable)?,
    );
    if !outgoing.iter().all(fits) {
        return Err(Fault::TooLarge);
    }
    if !events.is_empty() {
        overlay.store(&envelope.subject, after);
    }
    Ok(Handled {
        state: Some(state),
        outgoing,
    })
}

/// The state after the decision, the events, and the code and reason of a rejection.
type Evolved<A> = (
    Stored<A>,
    Vec<<A as Aggregate>::Event>,
    Option<(String, String)>,
);

fn evolved<A: Aggregate>(
    before: &Stored<A>,
    sequence: u64,
    command: A::Command,
    now: Timestamp,
) -> Evolved<A> {
    let mut after = before.clone();
    match before.state.decide(command, now) {
        Ok(decision) => {
            let events = decision.into_events();
            for (number, event) in (1..).zip(&events) {
                after.state = after.state.evolve(event);
                after.version += 1;
                after.sequence = sequence + number;
            }
            (after, events, None)
        }
        Err(rejection) => {
            let refusal = (rejection.code().to_owned(), rejection.to_string());
            (after, Vec::new(), Some(refusal))
        }
    }
}

/// A failed outcome and a dead letter, on the partition where the command was read.
fn failed(
    wire: &Wire,
    record: &Record,
    fault: &Fault,
    now: Timestamp,
) -> Result<Handled, avro::Error> {
    let (operation, code) = (record.operation(), fault.code());
    let reason: String = fault.to_string().chars().take(1000).collect();
    let position = record.place();
    tracing::error!(%operation, position, code, reason, "command failed by its own fault; it is kept as a dead letter");
    let ending = |record: &Record, envelope: Option<&Envelope>| {
        let outcome = Outcome {
            code: Some(code.to_owned()),
            reason: Some(reason.clone()),
            operation_id: operation,
            ..outcome_of(record, envelope, State::Failed, now)
        };
        let letter = wire.dead_letter(record, operation, code, &reason, now);
        Ok(vec![
            letter,
            wire.outcome((record, envelope), &outcome, now)?,
        ])
    };
    let mut outgoing = ending(record, record.envelope().ok().as_ref())?;
    if !outgoing.iter().all(fits) {
        // Then without anything of the command's own: the letter says where it stands.
        let bare = Record {
            key: None,
            headers: Vec::new(),
            value: None,
            ..record.clone()
        };
        outgoing = ending(&bare, None)?;
    }
    Ok(Handled {
        state: Some(State::Failed),
        outgoing,
    })
}

fn fits(record: &Outgoing) -> bool {
    let headers: usize = record
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    record.key.len() + headers + record.value.len() <= LARGEST
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}
