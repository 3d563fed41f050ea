//! The failure of a command that cannot be decided or written.

use factline::outcome::{OutcomeKind, State};
use factline::{Aggregate, Envelope, Outcome, Timestamp};

use crate::decide::checks::scope;
use crate::decide::facts::{DeadLetter, Decided, Facts};
use crate::decide::fault::Fault;
use crate::decide::origin::{CommandContext, Origin, unreadable_outcome};
use factline_kafka::records::headers::Headers;
use factline_kafka::records::record::Record;

/// Decides that a command has failed: a dead letter and a failed outcome, on the partition of its
/// record.
pub(crate) fn of_command<A: Aggregate>(
    origin: &Origin,
    record: &Record,
    fault: &Fault,
    now: Timestamp,
) -> Decided<A> {
    let (operation, code, reason) = (record.operation(), fault.code(), fault.reason());
    let position = record.place();
    let envelope = record.envelope().ok();
    let (command, subject) = envelope.as_ref().map_or(("unknown", "unknown"), |known| {
        (known.record.as_str(), known.subject.as_str())
    });
    tracing::error!(%operation, position, command, subject, code, reason, "command failed; writing dead letter");
    let scope = envelope.as_ref().and_then(scope);
    let letter = DeadLetter {
        record: record.clone(),
        operation,
        code,
        reason,
        time: now,
    };
    Decided {
        facts: failure(origin, letter, envelope),
        next: None,
        scope,
    }
}

/// Removes the data of the command from its failure, because the records would be too large. The
/// dead letter has the position of the command's record.
pub(crate) fn without_data<A: Aggregate>(origin: &Origin, failed: Decided<A>) -> Decided<A> {
    let Some(letter) = failed.facts.letter else {
        return failed;
    };
    let bare = Record {
        key: None,
        headers: Headers::default(),
        value: None,
        ..letter.record
    };
    let letter = DeadLetter {
        record: bare,
        ..*letter
    };
    Decided {
        facts: failure(origin, letter, None),
        ..failed
    }
}

/// Builds the facts of a failed command; its envelope is known if it can be read.
fn failure<E>(origin: &Origin, letter: DeadLetter, envelope: Option<Envelope>) -> Facts<E> {
    let (record, partition, now) = (&letter.record, letter.record.partition, letter.time);
    let with_reason = |outcome: Outcome| Outcome {
        code: Some(letter.code.to_owned()),
        reason: Some(letter.reason.clone()),
        operation_id: letter.operation,
        ..outcome
    };
    let outcome = if let Some(envelope) = envelope {
        let context = CommandContext {
            partition,
            place: Some(record.place()),
            envelope,
            kind: OutcomeKind::Command,
            now,
        };
        let outcome = with_reason(context.outcome(State::Failed));
        origin.outcome(context, outcome)
    } else {
        origin.outcome_of_unreadable(record, with_reason(unreadable_outcome(record, now)), now)
    };
    Facts {
        letter: Some(Box::new(letter)),
        ..Facts::of_outcome(partition, OutcomeKind::Command, outcome)
    }
}
