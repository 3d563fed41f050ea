//! Derivation of ids. To clients an id is opaque. The derivations are frozen, because the log holds
//! their results.
//!
//! - An edge makes operation and aggregate ids as `UUIDv7`: they sort by time, which suits database
//!   indexes.
//! - Every id that must be the same when it is derived a second time is a `UUIDv5` (RFC 9562) of
//!   its inputs.

use uuid::Uuid;

use crate::Timestamp;

/// The namespace of everything derived here: drawn once, never changed.
const NAMESPACE: Uuid = Uuid::from_u128(0x7f1c_93a5_7a4e_5b0c_9d0e_2b6f_31c8_a4d2);

/// Derives the id of an aggregate from an external name, such as a record of the system that it
/// came from.
pub fn aggregate(aggregate_type: &str, source: &str) -> Uuid {
    derive(&["aggregate", aggregate_type, source])
}

/// Derives the id of an event: one aggregate has one event of each version.
pub fn event(aggregate_type: &str, aggregate_id: &str, version: u64) -> Uuid {
    derive(&["event", aggregate_type, aggregate_id, &version.to_string()])
}

/// Derives the id of an outcome record: an operation reaches a state once.
pub fn outcome(operation: Uuid, state: &str) -> Uuid {
    derive(&["outcome", &operation.to_string(), state])
}

/// Derives the operation of an event that was imported and names none.
pub fn imported(aggregate_type: &str, aggregate_id: &str, version: u64) -> Uuid {
    derive(&[
        "imported",
        aggregate_type,
        aggregate_id,
        &version.to_string(),
    ])
}

/// Derives the operation that repeats a dead letter: redriving the same letter twice has the effect
/// of doing so once.
pub fn retry(operation: Uuid, letter: &str) -> Uuid {
    derive(&["retry", &operation.to_string(), letter])
}

/// Derives the operation of a command that a policy emits. `number` counts from 0 within the
/// commands that the policy emits for the fact.
pub fn emitted(policy: &str, fact: Uuid, number: usize) -> Uuid {
    derive(&["emitted", policy, &fact.to_string(), &number.to_string()])
}

/// Derives the operation of a deadline: one state sets it once, and `version` is the version that
/// set it.
pub fn deadline(aggregate_type: &str, aggregate_id: &str, version: u64) -> Uuid {
    derive(&[
        "deadline",
        aggregate_type,
        aggregate_id,
        &version.to_string(),
    ])
}

/// Derives the operation of a schedule's occurrence: an instant occurs once.
pub fn occurrence(schedule: &str, instant: Timestamp) -> Uuid {
    let micros = instant.timestamp_micros().to_string();
    derive(&["occurrence", schedule, &micros])
}

/// Derives the operation of a schedule's command that a client has asked to run now. `request` is
/// the operation of that request.
pub fn requested_run(request: Uuid) -> Uuid {
    derive(&["requested_run", &request.to_string()])
}

/// Derives the operation of a request with an idempotency key: the same request is the same
/// operation.
pub fn keyed(scope: &str, fingerprint: &str) -> Uuid {
    derive(&["keyed", scope, fingerprint])
}

/// Derives the aggregate that a request with an idempotency key creates: all attempts to create it
/// address the same aggregate, whatever their bodies.
pub fn keyed_aggregate(aggregate_type: &str, scope: &str) -> Uuid {
    derive(&["keyed_aggregate", aggregate_type, scope])
}

/// Derives the operation of a request to cancel an operation: the same request is the same
/// operation.
pub fn cancel(operation: Uuid) -> Uuid {
    derive(&["cancel", &operation.to_string()])
}

/// Derives the operation of a command record whose envelope cannot be read: its place in the log
/// names it.
pub fn unreadable_command(topic: &str, partition: i32, offset: i64) -> Uuid {
    derive(&[
        "unreadable",
        topic,
        &partition.to_string(),
        &offset.to_string(),
    ])
}

/// Joins the parts by a character that none of them may hold, so that two different lists of parts
/// never collide.
fn derive(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, parts.join("\u{1f}").as_bytes())
}
