use super::*;

fn record(partition: i32, offset: i64, sequence: u64) -> Record {
    Record {
        topic: "a.b.events".to_owned(),
        partition,
        offset,
        timestamp: factline::Timestamp::default(),
        key: None,
        headers: [("ce_partitionsequence", sequence.to_string())]
            .into_iter()
            .collect(),
        value: None,
    }
}

fn key(partition: i32) -> TopicPartition {
    ("a.b.events".to_owned(), partition)
}

/// Partitions 0 and 1 with two events applied, the second at offset 3.
fn assigned() -> Partitions {
    let mut partitions = Partitions::default();
    for partition in [0, 1] {
        let cursor = Cursor {
            next_offset: 4,
            sequence: 2,
            event_time: None,
        };
        partitions.insert(
            &key(partition),
            TopicKind::Events,
            cursor,
            Parked::default(),
            false,
        );
    }
    partitions
}

fn places(batch: &Batch) -> Vec<(i32, i64)> {
    let place = |record: &Record| (record.partition, record.offset);
    batch.records.iter().map(place).collect()
}

#[test]
fn offset_gap_is_accepted_and_sequence_gap_halts() {
    let mut partitions = assigned();
    let (batch, stops) = partitions.admit(vec![
        record(0, 6, 3),
        record(0, 9, 5),
        record(1, 4, 3),
        record(0, 10, 6),
    ]);
    assert_eq!(places(&batch), [(0, 6), (1, 4)]);
    assert!(
        matches!(
            stops[..],
            [(
                _,
                Stop::Gap {
                    last: 3,
                    found: 5,
                    offset: 9
                }
            )]
        ),
        "{stops:?}"
    );
    let (batch, stops) = partitions.admit(vec![record(0, 7, 4), record(1, 5, 4)]);
    assert_eq!(
        places(&batch),
        [],
        "partition 0 is halted, and the batch of partition 1 was not committed"
    );
    assert_eq!(
        stops.len(),
        1,
        "event 4 of partition 1 comes directly after event 2"
    );
}

#[test]
fn applied_records_are_skipped() {
    let (batch, stops) = assigned().admit(vec![
        record(0, 3, 2),
        record(0, 4, 3),
        record(0, 4, 3),
        record(0, 5, 3),
        record(0, 6, 4),
    ]);
    assert_eq!(places(&batch), [(0, 4), (0, 6)]);
    assert!(stops.is_empty());
}

#[test]
fn unassigned_partitions_are_dropped() {
    let mut partitions = assigned();
    partitions.remove(&key(0));
    let (batch, _) = partitions.admit(vec![record(0, 4, 3), record(7, 0, 1), record(1, 4, 3)]);
    assert_eq!(places(&batch), [(1, 4)]);
}

#[test]
fn event_without_sequence_halts_its_partition() {
    let mut unnumbered = record(0, 4, 3);
    unnumbered.headers.clear();
    let (batch, stops) = assigned().admit(vec![unnumbered]);
    assert!(batch.is_empty());
    assert!(matches!(stops[..], [(_, Stop::NoSequence { offset: 4 })]));
}

#[test]
fn plain_records_need_no_sequence() {
    let mut partitions = Partitions::default();
    let cursor = Cursor {
        next_offset: 0,
        sequence: 0,
        event_time: None,
    };
    partitions.insert(
        &key(0),
        TopicKind::Records,
        cursor,
        Parked::default(),
        false,
    );
    let mut first = record(0, 5, 1);
    first.headers.clear();
    let (batch, stops) = partitions.admit(vec![first, record(0, 6, 77)]);
    assert_eq!(places(&batch), [(0, 5), (0, 6)]);
    assert!(stops.is_empty());
}

#[test]
fn checkpoint_moves_to_the_last_record() {
    let mut partitions = assigned();
    let (mut batch, _) = partitions.admit(vec![record(0, 4, 3), record(1, 4, 3), record(0, 8, 4)]);
    batch.cut(&key(1), 4);
    let rest = batch.split();
    let moves = partitions.moves(&batch);
    assert_eq!((moves[0].expected_offset, moves[0].to.next_offset), (4, 5));
    partitions.advance(moves);
    let moves = partitions.moves(&rest);
    assert_eq!(moves.len(), 1);
    assert_eq!((moves[0].expected_offset, moves[0].to.next_offset), (5, 9));
    assert_eq!(moves[0].to.sequence, 4);
}

#[test]
fn checkpoint_of_an_idle_partition_moves_past_markers() {
    let mut partitions = Partitions::default();
    let at = |next_offset| Cursor {
        next_offset,
        sequence: 0,
        event_time: Some(factline::Timestamp::default()),
    };
    for partition in 0..4 {
        partitions.insert(
            &key(partition),
            TopicKind::Records,
            at(4),
            Parked::default(),
            partition == 1,
        );
    }
    partitions.insert(&key(4), TopicKind::Events, at(4), Parked::default(), false);
    // For partition 3 the consumer still reports its old position.
    partitions.begun(&[(key(3), 9)]);
    let (batch, _) = partitions.admit(vec![record(2, 4, 0)]);
    let positions: Vec<_> = (0..5).map(|partition| (key(partition), 9)).collect();
    let moves = partitions.past(&positions);
    let expected = Move {
        topic: key(0).0,
        partition: 0,
        expected_offset: 4,
        expected_redrives: 0,
        to: at(9),
    };
    assert_eq!(moves, std::slice::from_ref(&expected));
    partitions.advance(moves);
    partitions.advance(partitions.moves(&batch));
    let moves = partitions.past(&positions);
    assert_eq!(moves.len(), 1, "only after a batch is committed: {moves:?}");
    assert_eq!((moves[0].partition, moves[0].expected_offset), (2, 5));
    assert_eq!(partitions.past(&[(key(3), 10)]).len(), 1);
    assert_eq!(partitions.past(&[(key(3), 4)]), []);
}
