//! Headers of records: CloudEvents to an envelope.
//!
//! An input is a list of lines `name: value`.

use chrono::DateTime;
use factline::Envelope;
use factline_kafka::{Headers, Record};
use uuid::Uuid;

use super::lines;
use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "envelope",
    most_bytes: 1 << 20,
    seeds,
    memory_of_byte: 0,
    read,
};

fn read(input: &[u8]) {
    let mut headers = Headers::default();
    for (name, value) in lines(input) {
        if let Ok(name) = std::str::from_utf8(name) {
            headers.push(name, value);
        }
    }
    let record = Record {
        topic: "ordering.order.commands".to_owned(),
        partition: 0,
        offset: 0,
        timestamp: DateTime::UNIX_EPOCH,
        key: None,
        headers,
        value: None,
    };
    record.operation();
    record.delivery();
    record.cancels();
    record.origin_time();
    let Ok(envelope) = record.envelope() else {
        return;
    };
    assert_eq!(record.origin_time(), Some(envelope.origin_time));
    assert_eq!(record.operation(), envelope.operation);
    // A handler adds durations to it.
    let _ = envelope.origin_time + chrono::TimeDelta::days(30);
    let written = envelope.to_headers();
    let again = written
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    assert_eq!(Envelope::from_headers(again), Ok(envelope));
}

fn seeds() -> Vec<Vec<u8>> {
    let now = DateTime::UNIX_EPOCH;
    let mut full = Envelope::of_command(Uuid::from_u128(7), "ordering.PlaceOrder", "/a", "17", now);
    full.expected_version = Some(7);
    full.time_to_live_ms = Some(1_500);
    full.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    full.idempotency_scope = Some("scope".to_owned());
    full.idempotency_fingerprint = Some("print".to_owned());
    full.position = Some(super::position::example().to_string());
    full.delivery = "17 3-12 edge".parse().ok();
    let written = full.to_headers();
    let lines = written
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    let mut lines: Vec<String> = lines.collect();
    let more = [
        "ce_operation: 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67",
        "ce_correlationid: 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67",
        "ce_causationid: 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67",
        "ce_actor: ada",
        "ce_origintime: 1970-01-01T00:00:00.000001Z",
        "ce_roles: admin clerk",
        "ce_sequence: 3",
        "ce_partitionsequence: 9",
        "ce_commandposition: ordering.order.commands/7@17",
        "ce_rootoperation: 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67",
        "ce_retryof: 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67",
        "ce_parentoperation: 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67",
        "ce_processtype: checkout.checkout",
        "ce_processid: 17",
        "ce_cancels: 0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67",
    ];
    let short = lines.join("\n").into_bytes();
    lines.extend(more.map(str::to_owned));
    let unusual = "ce_time: +100000-12-31 23:59:60.5 +14:00";
    vec![
        short,
        lines.join("\n").into_bytes(),
        unusual.as_bytes().to_vec(),
    ]
}
