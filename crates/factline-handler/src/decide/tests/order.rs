//! The order of a batch's records, their contents, and the adoption of its states.

use factline::{Envelope, Messages as _, Outcome, outcome};
use factline_kafka::records::record::Record;
use uuid::Uuid;

use super::desk::{Desk, step, subject};
use super::endings::{completed, endings};
use super::messages::{Event, Step};
use crate::decide::codecs::Codecs;
use crate::decide::encode::Outgoing;
use crate::decide::inputs::Budget;

/// Returns the envelope of a record.
fn envelope(record: &Outgoing) -> Envelope {
    Envelope::from_headers(record.headers.iter()).unwrap()
}

/// A desk with commands to three aggregates, of which two share a partition.
fn mixed() -> (Desk, [Uuid; 5]) {
    let mut desk = Desk::new();
    let (ada, bob, eve) = (subject(0, 0), subject(0, 1), subject(1, 0));
    let operations = [
        desk.send(&ada, step(Step::Add)),
        desk.send(&eve, step(Step::AddThrice)),
        desk.send(&bob, step(Step::AddThrice)),
        desk.send(&ada, step(Step::Add)),
        desk.send(&bob, step(Step::Nothing)),
    ];
    (desk, operations)
}

#[test]
fn commands_of_several_aggregates_are_decided_in_their_order() {
    let (desk, operations) = mixed();
    let batch = desk.decide();
    assert_eq!(endings(&batch.facts), operations.map(completed));
    let numbers = |partition| {
        let facts = batch
            .facts
            .iter()
            .filter(move |facts| facts.partition == partition);
        let events = facts.flat_map(|facts| &facts.events);
        let numbers = events.map(|event| {
            let Envelope {
                partition_sequence,
                sequence,
                ..
            } = event.envelope;
            (partition_sequence.unwrap(), sequence.unwrap())
        });
        numbers.collect::<Vec<_>>()
    };
    // The partition's sequence has no gap, and each aggregate has its own versions.
    assert_eq!(numbers(0), [(1, 1), (2, 1), (3, 2), (4, 3), (5, 2)]);
    assert_eq!(numbers(1), [(1, 1), (2, 2), (3, 3)]);
}

#[test]
fn events_of_a_command_are_written_before_its_outcome() {
    let (desk, [first, _, third, fourth, fifth]) = mixed();
    let batch = desk.decide();
    let events = desk.factory.topics.events();
    let written = batch.records.iter().filter(|record| record.partition == 0);
    let written: Vec<_> = written
        .map(|record| (envelope(record).operation, &*record.topic == events))
        .collect();
    let expected = [
        (first, true),
        (first, false),
        (third, true),
        (third, true),
        (third, true),
        (third, false),
        (fourth, true),
        (fourth, false),
        (fifth, false),
    ];
    assert_eq!(written, expected);
}

/// Each record carries the envelope and the value of its fact.
#[test]
fn records_read_back_as_the_facts() {
    let (desk, _) = mixed();
    let batch = desk.decide();
    let mut records = batch.records.iter();
    let events = Codecs::in_memory(100, Event::RECORDS);
    let codec = factline::avro::Codec::parse(outcome::SCHEMA.json).unwrap();
    for facts in &batch.facts {
        for event in &facts.events {
            let written = records.next().unwrap();
            let record = Record {
                topic: written.topic.to_string(),
                partition: written.partition,
                offset: 0,
                timestamp: written.time,
                key: Some(written.key.clone()),
                headers: written.headers.clone(),
                value: Some(written.value.clone()),
            };
            let read = events.read::<Event>(&record).unwrap();
            assert_eq!(read, (event.envelope.clone(), event.value.clone()));
            assert_eq!(written.key, event.envelope.subject.as_bytes());
            assert_eq!(written.time, event.envelope.time);
        }
        let (written, outcome) = (records.next().unwrap(), facts.outcome.as_ref().unwrap());
        assert_eq!(envelope(written), outcome.envelope);
        // Five bytes are the frame.
        let read: Outcome = codec.decode(&written.value[5..]).unwrap();
        assert_eq!(read, outcome.value);
    }
    assert_eq!(records.next(), None);
}

#[test]
fn nothing_is_adopted_before_the_commit() {
    let (mut desk, _) = mixed();
    let (ada, bob) = (subject(0, 0), subject(0, 1));
    let dropped = desk.decide();
    assert_eq!(
        (desk.committed(&ada), desk.committed(&bob)),
        ((0, 0), (0, 0))
    );
    assert_eq!(desk.pending.len(), 5);
    // The transaction was aborted: the same commands have the same result.
    let batch = desk.decide();
    assert_eq!(batch.facts, dropped.facts);
    assert_eq!(batch.records, dropped.records);
    desk.adopt(batch);
    assert_eq!(
        (desk.committed(&ada), desk.committed(&bob)),
        ((2, 2), (3, 3))
    );
    assert!(desk.pending.is_empty());
}

#[test]
fn batch_decides_at_most_its_limit() {
    let (mut desk, operations) = mixed();
    let batch = desk.decide_within(Budget::of(3));
    let expected = operations.map(completed);
    assert_eq!(endings(&batch.facts), expected[..3]);
    desk.adopt(batch);
    assert_eq!(endings(&desk.turn()), expected[3..]);
    assert!(desk.decide().is_empty());
}

/// The sequence continues after the events that were adopted.
#[test]
fn sequence_continues_in_the_next_batch() {
    let (mut desk, _) = mixed();
    desk.turn();
    desk.send(&subject(0, 1), step(Step::Add));
    let facts = desk.turn();
    let event = &facts[0].events[0].envelope;
    assert_eq!(
        (event.partition_sequence, event.sequence),
        (Some(6), Some(4))
    );
}
