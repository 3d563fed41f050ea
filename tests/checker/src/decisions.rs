//! The sequential specification: every decision made again, in the log's order, by the contexts' own rules.
//!
//! A partition's outcomes tell in which order its commands and deadlines were decided. So they can be decided again, each on the
//! fold of the events before it, at its recorded time: the same events and the same end must come out. What the kit itself
//! refuses (a key used again, a version that is another, a command that cannot be read) is in [`expected`], what it keeps
//! beside an aggregate's state in [`kept`]. It shares no line with the handler but the rules.

mod expected;
mod kept;
mod replay;

use std::collections::HashMap;

use factline::{Aggregate, Contract, Outcome};
use uuid::Uuid;

use super::history::{History, Logged, Records};
use super::typed;
use super::violation::Violation;
use replay::Replay;

/// An event of the log, and what it says.
type Event<'h, A> = (&'h Logged<serde_json::Value>, <A as Aggregate>::Event);

/// An aggregate's records with what is looked up in them.
struct Found<'h, A: Aggregate> {
    contract: &'static Contract,
    prefix: &'h str,
    log: &'h Records,
    /// Of each operation its commands; the first is the one that counts.
    commands: HashMap<Uuid, Vec<&'h Logged<serde_json::Value>>>,
    /// Of each operation its events that can be read.
    events: HashMap<Uuid, Vec<Event<'h, A>>>,
}

/// Decides everything of one aggregate type again.
pub(super) fn again<A: Aggregate>(
    history: &History,
    contract: &'static Contract,
) -> Vec<Violation> {
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
