//! The sequential specification: replays every decision in the order of the log, by the contexts'
//! own rules.
//!
//! A partition's outcomes give the order in which its commands and deadlines were decided. Each is
//! decided again on the fold of the events before it, at its recorded time. The result must be the
//! same events and the same outcome. [`expected`] holds the refusals of the kit itself (a reused
//! key, a version conflict, an unreadable command), and [`cancel`] the result of a cancel. [`kept`]
//! holds the data that the kit keeps beside an aggregate's state. Apart from the rules, it shares
//! no code with the handler.

mod cancel;
mod expected;
mod kept;
mod replay;

use std::collections::HashMap;

use factline::{Aggregate, AggregateType as _, Contract, EventOf, Outcome};
use uuid::Uuid;

use super::history::{History, Logged, Records};
use super::typed;
use super::violation::Violation;
use replay::Replay;

/// An event of the log, with its decoded message.
type Event<'h, A> = (
    &'h Logged<serde_json::Value>,
    EventOf<<A as Aggregate>::Type>,
);

/// An aggregate's records, indexed.
struct Found<'h, A: Aggregate> {
    contract: &'static Contract,
    prefix: &'h str,
    log: &'h Records,
    /// The commands of each operation; the first one counts.
    commands: HashMap<Uuid, Vec<&'h Logged<serde_json::Value>>>,
    /// The readable events of each operation.
    events: HashMap<Uuid, Vec<Event<'h, A>>>,
}

/// Replays all decisions of one aggregate type.
pub(super) fn replay_all<A: Aggregate>(history: &History) -> Vec<Violation> {
    let contract = A::Type::CONTRACT;
    let Some(log) = history.log(contract.aggregate) else {
        return Vec::new();
    };
    let mut found = Found::<A> {
        contract,
        prefix: &history.prefix,
        log,
        commands: HashMap::new(),
        events: HashMap::new(),
    };
    for command in &log.commands {
        found
            .commands
            .entry(command.operation)
            .or_default()
            .push(command);
    }
    for event in &log.events {
        if let (Some(envelope), Some(value)) = (&event.envelope, &event.value)
            && let Some(message) = typed::message(&envelope.record, value)
        {
            found
                .events
                .entry(event.operation)
                .or_default()
                .push((event, message));
        }
    }
    let mut partitions: HashMap<i32, Vec<(&Logged<Outcome>, &Outcome)>> = HashMap::new();
    for record in &log.outcomes {
        if let Some(outcome) = &record.value {
            partitions
                .entry(record.partition)
                .or_default()
                .push((record, outcome));
        }
    }
    let mut violations = Vec::new();
    for (partition, outcomes) in partitions {
        let mut replay = Replay::new(&found, partition);
        for (record, outcome) in outcomes {
            replay.take(record, outcome);
        }
        violations.extend(replay.end());
    }
    violations
}
