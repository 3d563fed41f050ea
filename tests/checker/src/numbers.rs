//! Versions and partition sequences have no gap or duplicate, and every event belongs to one
//! operation.

use std::collections::{BTreeSet, HashMap, HashSet};

use factline::id;
use factline::outcome::State;
use uuid::Uuid;

use super::history::Records;
use super::violation::{At, Violation};

/// Checks the events of one aggregate type.
pub(super) fn events(aggregate: &str, log: &Records) -> Vec<Violation> {
    let mut found = Vec::new();
    let decided: HashSet<Uuid> = log
        .outcomes
        .iter()
        .filter_map(|record| record.value.as_ref())
        .filter(|outcome| matches!(outcome.state, State::Completed | State::Running))
        .map(|outcome| outcome.operation_id)
        .collect();
    let mut sequences: HashMap<i32, u64> = HashMap::new();
    let mut versions: HashMap<&str, u64> = HashMap::new();
    // For each partition the operation of the last event, and all operations before it.
    let mut last: HashMap<i32, Uuid> = HashMap::new();
    let mut over: HashSet<Uuid> = HashSet::new();
    for record in &log.events {
        let at = At::record(aggregate, "events", record);
        let (Some(envelope), Some(_)) = (&record.envelope, &record.value) else {
            found.push(Violation::Unreadable(at));
            continue;
        };
        let expected = next(
            sequences.entry(record.partition).or_default(),
            envelope.partition_sequence,
        );
        if envelope.partition_sequence != Some(expected) {
            found.push(Violation::Sequence {
                at: at.clone(),
                expected,
                found: envelope.partition_sequence,
            });
        }
        let expected = next(
            versions.entry(&envelope.subject).or_default(),
            envelope.sequence,
        );
        if envelope.sequence != Some(expected) {
            found.push(Violation::Version {
                at: at.clone(),
                expected,
                found: envelope.sequence,
            });
        }
        let named = envelope.sequence.unwrap_or_default();
        if envelope.id != id::event(aggregate, &envelope.subject, named) {
            let what = "its id does not match its aggregate and version";
            found.push(Violation::Foreign {
                at: at.clone(),
                what,
            });
        }
        if record.key.as_deref() != Some(envelope.subject.as_str()) {
            let what = "its key is not its subject";
            found.push(Violation::Foreign {
                at: at.clone(),
                what,
            });
        }
        if !decided.contains(&record.operation) {
            let what = "no completed or running outcome for the operation of the event";
            found.push(Violation::Foreign {
                at: at.clone(),
                what,
            });
        }
        if last.get(&record.partition) != Some(&record.operation) {
            if let Some(before) = last.insert(record.partition, record.operation) {
                over.insert(before);
            }
            if over.contains(&record.operation) {
                found.push(Violation::Scattered(at));
            }
        }
    }
    found
}

/// Returns the expected number, and continues from the number found, so that a gap is reported
/// once.
fn next(last: &mut u64, found: Option<u64>) -> u64 {
    let expected = *last + 1;
    *last = found.unwrap_or(expected);
    expected
}

/// Checks that each command that failed by its own fault has one dead letter, and no other command
/// has one.
pub(super) fn letters(aggregate: &str, log: &Records) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut kept: BTreeSet<Uuid> = BTreeSet::new();
    let commands: HashSet<Uuid> = log
        .commands
        .iter()
        .map(|command| command.operation)
        .collect();
    let failed: HashSet<Uuid> = log
        .outcomes
        .iter()
        .filter_map(|record| record.value.as_ref())
        .filter(|outcome| outcome.state == State::Failed)
        .map(|outcome| outcome.operation_id)
        .collect();
    for letter in &log.dead_letters {
        let at = At {
            place: Some(format!(
                "dead-letters/{}@{}",
                letter.partition, letter.offset
            )),
            ..At::operation(aggregate, letter.operation)
        };
        if !failed.contains(&letter.operation) {
            let what = "dead letter of a command that did not fail";
            found.push(Violation::Letter {
                at: at.clone(),
                what,
            });
        }
        if !kept.insert(letter.operation) {
            let what = "second dead letter";
            found.push(Violation::Letter { at, what });
        }
    }
    let ran: HashSet<Uuid> = log
        .outcomes
        .iter()
        .filter_map(|record| record.value.as_ref())
        .filter(|outcome| outcome.state == State::Running)
        .map(|outcome| outcome.operation_id)
        .collect();
    for operation in failed {
        // A workflow whose deadline failed has no dead letter, because its command did not fail.
        if commands.contains(&operation) && !kept.contains(&operation) && !ran.contains(&operation)
        {
            let at = At::operation(aggregate, operation);
            let what = "failed without a dead letter";
            found.push(Violation::Letter { at, what });
        }
    }
    found
}
