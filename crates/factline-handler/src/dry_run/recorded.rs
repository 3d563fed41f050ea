//! The recorded result of a decision.

use factline::outcome::{OutcomeKind, State};
use factline::{Envelope, Messages, Outcome, Timestamp, error_chain};
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;

use super::candidate::ended;
use super::codecs::OwnCodecs;
use super::log::{Ahead, Error, Records, Schemas, is_of};
use super::result::{DecidedEvent, DecisionResult, Ended, add_lost};
use super::states::{Decision, Event};
use crate::decide::checks::{CAPACITY, KEY_REUSED, VERSION_CONFLICT};

/// The outcome of a decision, and that of the workflow that it has concluded.
pub(super) struct Recorded {
    /// Position of the outcome's record.
    pub(super) place: String,
    pub(super) envelope: Envelope,
    pub(super) outcome: Outcome,
    pub(super) concluded: Option<Outcome>,
}

/// An outcome that cannot be read.
pub(super) struct Unreadable {
    pub(super) place: String,
    pub(super) reason: String,
}

/// The outcomes of a partition, in order.
pub(super) struct Outcomes<'l> {
    records: Ahead<'l, Record>,
    key: Option<&'l str>,
    schemas: Schemas<'l>,
}

impl<'l> Outcomes<'l> {
    pub(super) fn new(
        records: Records<'l, Record>,
        key: Option<&'l str>,
        schemas: Schemas<'l>,
    ) -> Self {
        Self {
            records: Ahead::of(records),
            key,
            schemas,
        }
    }

    /// Returns the outcomes of the next decision.
    pub(super) fn next(&mut self) -> Result<Option<Result<Recorded, Unreadable>>, Error> {
        loop {
            match self.records.take()? {
                None => return Ok(None),
                Some(record) if is_of(&record, self.key) => {
                    return self.decision(&record).map(Some);
                }
                Some(_) => {}
            }
        }
    }

    fn decision(&mut self, record: &Record) -> Result<Result<Recorded, Unreadable>, Error> {
        let place = record.place();
        let (envelope, outcome) = match self.decode(record)? {
            Ok(decoded) => decoded,
            Err(error) => {
                let reason = error_chain(&error);
                return Ok(Err(Unreadable { place, reason }));
            }
        };
        // The end of a workflow stands behind the decision that has concluded it, and that of a
        // cancel behind the command that it has cancelled.
        let follows = match self.records.peek()?.cloned() {
            Some(next) if next.key == record.key => self.decode(&next)?.ok(),
            _ => None,
        };
        if outcome.state == State::Cancelled
            && let Some((next, _)) = &follows
            && next.cancels == Some(outcome.operation_id)
            && next.command_position != envelope.command_position
        {
            self.records.take()?;
            return Ok(Ok(Recorded {
                place,
                envelope,
                outcome,
                concluded: None,
            }));
        }
        let is_end = |(next, end): &(Envelope, Outcome)| {
            next.command_position == envelope.command_position
                && end.operation_id != outcome.operation_id
                && end.kind == OutcomeKind::Command
                && end.decided_at == outcome.decided_at
        };
        let concluded = follows.filter(is_end).map(|(_, end)| end);
        if concluded.is_some() {
            self.records.take()?;
        }
        Ok(Ok(Recorded {
            place,
            envelope,
            outcome,
            concluded,
        }))
    }

    fn decode(&self, record: &Record) -> Result<Result<(Envelope, Outcome), decode::Error>, Error> {
        let decoding = decode::outcome(self.schemas.registry, record);
        self.schemas.decoded(decoding)
    }
}

impl Recorded {
    /// Returns the time of the decision.
    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from_timestamp_micros(self.outcome.decided_at).unwrap_or_default()
    }

    /// Returns the decision, to find its events. An outcome of a failure names no version.
    pub(super) fn decision<'d>(&self, key: &'d str, place: Option<&'d str>) -> Decision<'d> {
        let version = self.outcome.version.unwrap_or_default();
        let version = u64::try_from(version).unwrap_or_default();
        Decision {
            key,
            operation: self.outcome.operation_id,
            place,
            time: self.time(),
            version: (self.outcome.state != State::Failed).then_some(version),
        }
    }

    /// Returns the result. Its events have the fields of this program's schemas and those that
    /// these have lost.
    pub(super) fn result<E: Messages>(
        &self,
        events: &[Event<E>],
        codecs: &OwnCodecs,
    ) -> Result<DecisionResult, String> {
        Ok(DecisionResult {
            end: ended(&self.outcome),
            events: decided(events, codecs)?,
            concluded: self.concluded.as_ref().map(ended),
        })
    }

    /// Returns whether the kit has refused or cancelled the command by its own checks, which are
    /// not the rules. `version` is that of the aggregate before, and `expected` the one that the
    /// command expected.
    pub(super) fn is_by_kit(&self, version: u64, expected: Option<u64>) -> bool {
        let Outcome {
            state,
            code,
            reason,
            ..
        } = &self.outcome;
        let (code, reason) = (code.as_deref(), reason.as_deref());
        match (state, code) {
            (State::TimedOut | State::Cancelled, _) => true,
            (State::Rejected, Some(VERSION_CONFLICT)) => {
                expected.is_some_and(|expected| expected != version)
            }
            (State::Rejected, Some(code)) => [KEY_REUSED, CAPACITY]
                .iter()
                .any(|own| *own == (code, reason.unwrap_or_default())),
            (State::Failed, Some(code)) => {
                ["wrong_key", "wrong_partition", "too_old", "too_large"].contains(&code)
            }
            _ => false,
        }
    }
}

/// Returns the result of a command whose outcome is deleted, as far as its events tell it.
pub(super) fn result_of_events<E: Messages>(
    events: &[Event<E>],
    codecs: &OwnCodecs,
) -> Result<DecisionResult, String> {
    let opens = events.iter().any(|event| event.envelope.opens.is_some());
    let state = if opens {
        State::Running
    } else {
        State::Completed
    };
    Ok(DecisionResult {
        end: Ended {
            state,
            code: None,
            reason: None,
        },
        events: decided(events, codecs)?,
        concluded: None,
    })
}

fn decided<E: Messages>(
    events: &[Event<E>],
    codecs: &OwnCodecs,
) -> Result<Vec<DecidedEvent>, String> {
    let events = events.iter().map(|event| {
        let record = event.message.record();
        let data = codecs.event(&event.message);
        let mut data = data.map_err(|error| format!("{record}: {}", error_chain(&error)))?;
        add_lost(&mut data, &event.written);
        Ok(DecidedEvent {
            record: record.to_owned(),
            data,
        })
    });
    events.collect()
}
