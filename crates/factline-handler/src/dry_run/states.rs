//! The states of a partition's aggregates, as the recorded events leave them.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::{Aggregate, Envelope, EventOf, Timestamp, error_chain, panic_message};
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;
use serde_json::Value;
use uuid::Uuid;

use super::log::{Ahead, Error, Records, Schemas, offset_of};
use crate::state::aggregate::AggregateState;

/// An aggregate, or the reason why it cannot be folded.
type Known<A> = Result<AggregateState<A>, String>;

/// An event, or the reason why it cannot be read.
type Decoded<A> = Result<Event<EventOf<<A as Aggregate>::Type>>, String>;

/// The events of a decision, or the reason why one cannot be read.
type Own<A> = Result<Vec<Event<EventOf<<A as Aggregate>::Type>>>, String>;

/// The events of a partition and the states that they have led to so far.
pub(super) struct States<'l, A: Aggregate> {
    events: Ahead<'l, Record>,
    /// Returns whether the state of a key is needed.
    has: &'l dyn Fn(&[u8]) -> bool,
    schemas: Schemas<'l>,
    known: HashMap<String, Known<A>>,
}

/// An event, decoded.
pub(super) struct Event<E> {
    pub(super) envelope: Envelope,
    pub(super) message: E,
    /// The value with the fields of the schema that wrote it.
    pub(super) written: Value,
}

/// The decision whose events are looked for.
pub(super) struct Decision<'d> {
    pub(super) key: &'d str,
    pub(super) operation: Uuid,
    /// Position of the command's record; none for a deadline.
    pub(super) place: Option<&'d str>,
    pub(super) time: Timestamp,
    /// The aggregate's version after the decision, if the outcome names it.
    pub(super) version: Option<u64>,
}

impl Decision<'_> {
    /// Returns whether an event is one of the decision's own.
    fn has_made(&self, event: &Record) -> bool {
        event.operation() == self.operation
            && event.headers.last("ce_commandposition") == self.place.map(str::as_bytes)
    }

    /// Returns whether an event is older than the decision, if the outcome names no version.
    ///
    /// Times never run backwards within a partition. A deadline that is due at the time of a
    /// command is decided before it.
    fn is_after(&self, event: &Record) -> bool {
        if event.timestamp < self.time {
            return true;
        }
        let place = event.headers.last("ce_commandposition");
        let offset = |place: &str| offset_of(place);
        let place = place.and_then(|place| std::str::from_utf8(place).ok());
        match (place.and_then(offset), self.place.and_then(offset)) {
            (Some(event), Some(own)) => event < own,
            _ => event.timestamp == self.time,
        }
    }
}

impl<'l, A: Aggregate> States<'l, A> {
    pub(super) fn new(
        events: Records<'l, Record>,
        has: &'l dyn Fn(&[u8]) -> bool,
        schemas: Schemas<'l>,
    ) -> Self {
        Self {
            events: Ahead::of(events),
            has,
            schemas,
            known: HashMap::new(),
        }
    }

    /// Folds the events before a decision, and returns the aggregate as the decision found it.
    pub(super) fn before(&mut self, decision: &Decision<'_>) -> Result<Known<A>, Error> {
        while let Some(event) = self.peek()? {
            if decision.has_made(event) {
                break;
            }
            let is_reached = match decision.version {
                None => !decision.is_after(event),
                Some(version) => self.version(decision.key).is_none_or(|own| own >= version),
            };
            if is_reached {
                break;
            }
            self.fold_next()?;
        }
        let known = self.known.get(decision.key).cloned();
        Ok(known.unwrap_or_else(|| Ok(AggregateState::initial())))
    }

    /// Returns the events of a decision, and folds them. It must be called after
    /// [`before`](Self::before).
    pub(super) fn own(&mut self, decision: &Decision<'_>) -> Result<Own<A>, Error> {
        let mut own = Ok(Vec::new());
        while let Some(event) = self.peek()? {
            if !decision.has_made(event) {
                break;
            }
            let Some(record) = self.events.take()? else {
                break;
            };
            let decoded = self.decode(&record)?;
            self.fold(&record, &decoded);
            own = match (own, decoded) {
                (Ok(mut own), Ok(event)) => {
                    own.push(event);
                    Ok(own)
                }
                (Err(reason), _) | (_, Err(reason)) => Err(reason),
            };
        }
        Ok(own)
    }

    /// Changes an aggregate that can be folded.
    pub(super) fn change(&mut self, key: &str, change: impl FnOnce(&mut AggregateState<A>)) {
        if let Some(Ok(state)) = self.known.get_mut(key) {
            change(state);
        }
    }

    /// Returns the version of an aggregate; none if it cannot be folded.
    fn version(&self, key: &str) -> Option<u64> {
        match self.known.get(key) {
            None => Some(0),
            Some(Ok(state)) => Some(state.version),
            Some(Err(_)) => None,
        }
    }

    /// Returns the next event of a key that is needed.
    fn peek(&mut self) -> Result<Option<&Record>, Error> {
        let has = self.has;
        let is_needed = |event: &Record| event.key.as_deref().is_some_and(has);
        while let Some(event) = self.events.peek()? {
            if is_needed(event) {
                break;
            }
            self.events.take()?;
        }
        self.events.peek()
    }

    fn fold_next(&mut self) -> Result<(), Error> {
        if let Some(record) = self.events.take()? {
            let decoded = self.decode(&record)?;
            self.fold(&record, &decoded);
        }
        Ok(())
    }

    fn fold(&mut self, record: &Record, decoded: &Decoded<A>) {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        let known = self.known.remove(&key);
        let known = known.unwrap_or_else(|| Ok(AggregateState::initial()));
        let next = match (known, decoded) {
            (Err(reason), _) => Err(reason),
            (Ok(_), Err(reason)) => Err(reason.clone()),
            (Ok(state), Ok(event)) => folded(state, event, record),
        };
        self.known.insert(key, next);
    }

    /// Decodes an event. An error of the second kind is that of the record.
    fn decode(&self, record: &Record) -> Result<Decoded<A>, Error> {
        let registry = self.schemas.registry;
        let decoded = self.schemas.decoded(async {
            let (envelope, message) = decode::message(registry, record).await?;
            let (_, written) = decode::json(registry, record).await?;
            Ok(Event {
                envelope,
                message,
                written,
            })
        })?;
        Ok(decoded.map_err(|error| format!("{}: {}", record.place(), error_chain(&error))))
    }
}

fn folded<A: Aggregate>(
    state: AggregateState<A>,
    event: &Event<EventOf<A::Type>>,
    record: &Record,
) -> Known<A> {
    let (expected, found) = (state.version + 1, event.envelope.sequence);
    if found != Some(expected) {
        let found = found.unwrap_or_default();
        let place = record.place();
        return Err(format!("{place} has version {found}, expected {expected}"));
    }
    let next = catch_unwind(AssertUnwindSafe(|| {
        state.take(&event.message, &event.envelope)
    }));
    next.map_err(|panic| {
        let panic = panic_message(&*panic);
        format!("{}: evolve panicked: {panic}", record.place())
    })
}
