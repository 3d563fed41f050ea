//! How ids are made. To clients an id is opaque; the derivations are frozen, since the log holds their results.
//!
//! - An edge makes operation and aggregate ids as `UUIDv7`: they sort by time, which databases like.
//! - Everything that must come out the same a second time is a `UUIDv5` (RFC 9562) of what it derives from.

use uuid::Uuid;

/// The namespace of everything derived here: drawn once, kept for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0x7f1c_93a5_7a4e_5b0c_9d0e_2b6f_31c8_a4d2);

/// The id of an aggregate that is named by something outside, such as a record of the system it came from.
pub fn aggregate(aggregate_type: &str, source: &str) -> Uuid {
    derive(&["aggregate", aggregate_type, source])
}

/// The id of an event: one aggregate has one event of each version.
pub fn event(aggregate_type: &str, aggregate_id: &str, version: u64) -> Uuid {
    derive(&["event", aggregate_type, aggregate_id, &version.to_string()])
}

/// The id of an outcome record: an operation reaches a state once.
pub fn outcome(operation: Uuid, state: &str) -> Uuid {
    derive(&["outcome", &operation.to_string(), state])
}

/// The operation that repeats a dead letter: to send a letter again twice is to send it again once.
pub fn retry(operation: Uuid, letter: &str) -> Uuid {
    derive(&["retry", &operation.to_string(), letter])
}

/// The operation of a command that a policy emits: `number` counts from 0 within what it emits for the fact.
pub fn emitted(policy: &str, fact: Uuid, number: usize) -> Uuid {
    derive(&["emitted", policy, &fact.to_string(), &number.to_string()])
}

/// The operation of a deadline: one state sets it once, and `version` is the one at which it did.
pub fn deadline(aggregate_type: &str, aggregate_id: &str, version: u64) -> Uuid {
    derive(&[
        "deadline",
        aggregate_type,
        aggregate_id,
        &version.to_string(),
    ])
}

/// The operation of a request with an idempotency key: the same request is the same operation.
pub fn keyed(scope: &str, fingerprint: &str) -> Uuid {
    derive(&["keyed", scope, fingerprint])
}

/// The aggregate that a request with an idempotency key creates: both tries of a create meet in it, whatever their
/// bodies.
pub fn keyed_aggregate(aggregate_type: &str, scope: &str) -> Uuid {
    derive(&["keyed_aggregate", aggregate_type, scope])
}

/// The operation of a command record that says nothing about itself that can be read: where it stands names it.
pub fn unreadable_command(topic: &str, partition: i32, offset: i64) -> Uuid {
    derive(&[
        "unreadable",
        topic,
        &partition.to_string(),
        &offset.to_string(),
    ])
}

/// Parts are joined by a character that none of them may hold, so that no two lists of parts meet.
fn derive(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, parts.join("\u{1f}").as_bytes())
}
