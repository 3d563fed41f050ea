//! One command, from its record to what it leads to. Nothing here talks to a broker.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::TimeDelta;
use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, Envelope, Outcome, Timestamp, avro};
use uuid::Uuid;

use crate::decide::decision::{self, Decided, Impossible, fits};
use crate::decide::record_factory::{Asked, Outgoing, Wire, outcome_of, unreadable_outcome};
use crate::state::partition::Overlay;
use factline::{error_chain, panic_message};
use factline_kafka::records::decode;
use factline_kafka::records::headers::Headers;
use factline_kafka::records::record::Record;
use factline_kafka::topics::partition_of;

/// A command's own fault: it fails, alone, with a dead letter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("command cannot be read: {}", error_chain(.0))]
    Unreadable(decode::Error),
    #[error("key of the record is not the subject {subject}")]
    Key { subject: String },
    #[error(
        "command for {subject} belongs on partition {expected}: its producer does not partition by murmur2"
    )]
    Partition { subject: String, expected: i32 },
    #[error("deciding the command panicked: {0}")]
    Panic(String),
    #[error(
        "command was appended {} h after its origin, more than the dedupe window of {} h: whether it was decided \
         before is no longer known",
        .age.num_hours(), .window.num_hours()
    )]
    TooOld { age: TimeDelta, window: TimeDelta },
    #[error(transparent)]
    Impossible(#[from] Impossible),
    #[error("a record that the command leads to is too large for the broker")]
    TooLarge,
}

impl Fault {
    /// The outcome's code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Key { .. } => "wrong_key",
            Self::Partition { .. } => "wrong_partition",
            Self::Panic(_) => "panic",
            Self::TooOld { .. } => "too_old",
            Self::Impossible(Impossible::Unwritable(_)) => "unwritable",
            Self::Impossible(Impossible::TooLarge) | Self::TooLarge => "too_large",
            Self::Impossible(_) => "workflow",
        }
    }

    /// The outcome's reason: bounded, whatever a panic has to say.
    pub(crate) fn reason(&self) -> String {
        self.to_string().chars().take(1000).collect()
    }
}

/// What a command led to.
#[derive(Debug)]
pub(crate) struct Handled {
    /// None if its operation was decided before.
    pub(crate) state: Option<State>,
    pub(crate) outgoing: Vec<Outgoing>,
}

/// Handles one command against the overlay. An error is not the command's fault: the registry is away.
pub(crate) fn handle<A: Aggregate>(
    wire: &Wire,
    runtime: &tokio::runtime::Handle,
    overlay: &mut Overlay<'_, A>,
    record: &Record,
    fault: Option<Fault>,
) -> Result<Handled, decode::Error> {
    let now = overlay.advance(record.timestamp);
    let operation = record.operation();
    if overlay.is_decided(operation) {
        overlay.handled(record.offset);
        return Ok(Handled {
            state: None,
            outgoing: Vec::new(),
        });
    }
    // Whatever a record makes panic, in the domain or in a library, is that record's own fault.
    let attempt = AssertUnwindSafe(|| {
        let read = match fault {
            Some(fault) => Err(fault),
            None => match decode::message_blocking::<A::Command>(&wire.registry, runtime, record) {
                Err(error) if error.is_transient() => return Err(error),
                read => read.map_err(Fault::Unreadable),
            },
        };
        Ok(read.and_then(|(envelope, command)| {
            addressed(wire, record, &envelope)?;
            young(overlay, record, &envelope)?;
            let asked = Asked {
                partition: record.partition,
                place: Some(record.place()),
                envelope: &envelope,
                kind: OutcomeKind::Command,
            };
            Ok(ask(wire, overlay, &asked, command, now)?)
        }))
    });
    let decided = match catch_unwind(attempt) {
        Ok(decided) => decided?,
        Err(panic) => Err(Fault::Panic(panic_message(&*panic))),
    };
    // The outcome's schema is the kit's, so its encoding does not fail on data.
    let Decided { state, outgoing } = match decided {
        Ok(decided) => decided,
        Err(fault) => {
            // As its outcome will tell whoever restores it.
            if let Some(scope) = record.envelope().ok().as_ref().and_then(scope) {
                overlay.scoped(scope, operation);
            }
            failed(wire, record, &fault, now).map_err(decode::Error::Avro)?
        }
    };
    overlay.decided(operation);
    overlay.handled(record.offset);
    Ok(Handled {
        state: Some(state),
        outgoing,
    })
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

/// What came about longer ago than is remembered may have been decided before, so it is not decided now.
fn young<A: Aggregate>(
    overlay: &Overlay<'_, A>,
    record: &Record,
    envelope: &Envelope,
) -> Result<(), Fault> {
    let (age, window) = (record.timestamp - envelope.origin_time, overlay.window());
    if age > window {
        return Err(Fault::TooOld { age, window });
    }
    Ok(())
}

/// Decides the command, unless something about the command itself stands against it.
fn ask<A: Aggregate>(
    wire: &Wire,
    overlay: &mut Overlay<'_, A>,
    asked: &Asked<'_>,
    command: A::Command,
    now: Timestamp,
) -> Result<Decided, Impossible> {
    let envelope = asked.envelope;
    if let Some(scope) = scope(envelope) {
        if overlay
            .under(scope)
            .is_some_and(|known| known != envelope.operation)
        {
            let reason = "another request came with the same idempotency key before".to_owned();
            let refusal = ("idempotency_key_reused".to_owned(), reason);
            // Without the scope, which stays the first one's.
            let bare = Envelope {
                idempotency_scope: None,
                idempotency_fingerprint: None,
                ..envelope.clone()
            };
            let asked = Asked {
                envelope: &bare,
                place: asked.place.clone(),
                ..*asked
            };
            let stored = overlay.load(&envelope.subject);
            return decision::refused(wire, overlay, (&asked, stored), refusal, now);
        }
        overlay.scoped(scope, envelope.operation);
    }
    if let Some(late) = late(envelope) {
        let end = (State::TimedOut, "timed_out".to_owned(), late);
        let stored = overlay.load(&envelope.subject);
        return decision::ended(wire, overlay, (asked, stored), end, now);
    }
    if let Some(expected) = envelope.expected_version {
        let stored = overlay.load(&envelope.subject);
        let actual = stored.version;
        if actual != expected {
            let reason = format!("version is {actual}, expected was {expected}");
            let refusal = ("version_conflict".to_owned(), reason);
            return decision::refused(wire, overlay, (asked, stored), refusal, now);
        }
    }
    decision::decide(wire, overlay, asked, command, now)
}

/// An idempotency scope in the short form in which it is remembered.
pub(crate) fn scope(envelope: &Envelope) -> Option<Uuid> {
    envelope.idempotency_scope.as_deref().map(short_scope)
}

/// The same of its text.
pub(crate) fn short_scope(scope: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, scope.as_bytes())
}

/// Why a command is no longer wanted, by the worker's clock.
fn late(envelope: &Envelope) -> Option<String> {
    let limit = TimeDelta::try_milliseconds(envelope.time_to_live_ms?.try_into().ok()?)?;
    let end = envelope.origin_time.checked_add_signed(limit)?;
    (chrono::Utc::now() > end).then(|| {
        format!(
            "not decided within {} ms of its origin",
            limit.num_milliseconds()
        )
    })
}

/// A failed outcome and a dead letter, on the partition where the command was read.
fn failed(
    wire: &Wire,
    record: &Record,
    fault: &Fault,
    now: Timestamp,
) -> Result<Decided, avro::Error> {
    let (operation, code, reason) = (record.operation(), fault.code(), fault.reason());
    let position = record.place();
    let envelope = record.envelope().ok();
    let (command, subject) = envelope.as_ref().map_or(("unknown", "unknown"), |known| {
        (known.record.as_str(), known.subject.as_str())
    });
    tracing::error!(%operation, position, command, subject, code, reason, "command failed by its own fault; it is kept as a dead letter");
    let ending = |record: &Record, envelope: Option<&Envelope>| {
        let letter = wire.dead_letter(record, operation, code, &reason, now);
        let told = |outcome: Outcome| Outcome {
            code: Some(code.to_owned()),
            reason: Some(reason.clone()),
            operation_id: operation,
            ..outcome
        };
        let outcome = if let Some(envelope) = envelope {
            let asked = Asked {
                partition: record.partition,
                place: Some(record.place()),
                envelope,
                kind: OutcomeKind::Command,
            };
            wire.outcome(&asked, &told(outcome_of(&asked, State::Failed, now)), now)?
        } else {
            let outcome = told(unreadable_outcome(record, now));
            wire.outcome_of_unreadable(record, &outcome, now)?
        };
        Ok::<_, avro::Error>(vec![letter, outcome])
    };
    let mut outgoing = ending(record, envelope.as_ref())?;
    if !outgoing.iter().all(fits) {
        // Then without anything of the command's own: the letter says where it stands.
        let bare = Record {
            key: None,
            headers: Headers::default(),
            value: None,
            ..record.clone()
        };
        outgoing = ending(&bare, None)?;
    }
    Ok(Decided {
        state: State::Failed,
        outgoing,
    })
}
