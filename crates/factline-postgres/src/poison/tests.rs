//! Any records and any failures: each key has what was applied, and behind it, in order, what is
//! parked.

use std::collections::{BTreeMap, BTreeSet};

use factline_kafka::Record;
use factline_kafka::topics::TopicPartition;
use proptest::prelude::*;

use super::*;
use crate::batch::Treatment;
use crate::checkpoint::Cursor;
use crate::parked_keys::Parked;
use crate::partition::TopicKind;

const TOPIC: &str = "a.b.events";
const PARTITIONS: i32 = 2;

fn place(partition: i32) -> TopicPartition {
    (TOPIC.to_owned(), partition)
}

fn record(partition: i32, sequence: u64, key: &[u8]) -> Record {
    Record {
        topic: TOPIC.to_owned(),
        partition,
        // Offsets have gaps.
        offset: i64::try_from(sequence * 2).unwrap(),
        timestamp: Timestamp::default(),
        key: Some(key.to_vec()),
        headers: [("ce_partitionsequence", sequence.to_string())]
            .into_iter()
            .collect(),
        value: None,
    }
}

fn assigned() -> Partitions {
    let mut partitions = Partitions::default();
    for partition in 0..PARTITIONS {
        let cursor = Cursor {
            next_offset: 0,
            sequence: 0,
            event_time: None,
        };
        partitions.insert(
            &place(partition),
            TopicKind::Events,
            cursor,
            Parked::default(),
            false,
        );
    }
    partitions
}

fn poison(record: &Record) -> Poison {
    Poison::new(record, "fails")
}

/// The database of a test: the offsets of each partition that were applied, parked and skipped, in
/// their order.
#[derive(Debug, Default)]
struct Database {
    applied: Vec<(i32, i64)>,
    parked: Vec<(i32, i64, bool)>,
    skipped: Vec<(i32, i64)>,
    checkpoints: BTreeMap<i32, i64>,
}

impl Database {
    /// Commits a batch as the host does.
    fn commit(&mut self, partitions: &mut Partitions, batch: &Batch) {
        let moves = partitions.moves(batch);
        for step in &moves {
            let at = self.checkpoints.entry(step.partition).or_default();
            assert_eq!(*at, step.expected_offset);
            assert!(step.to.next_offset > *at, "a checkpoint only moves forward");
            *at = step.to.next_offset;
        }
        for record in batch.applied().iter() {
            self.applied.push((record.partition, record.offset));
        }
        for (record, step) in batch.set_aside() {
            match &step.treatment {
                Treatment::Park { cause } => {
                    let parked = (record.partition, record.offset, cause.is_some());
                    self.parked.push(parked);
                }
                _ => self.skipped.push((record.partition, record.offset)),
            }
        }
        partitions.advance(moves);
        partitions.count_parked(batch);
    }
}

/// Order in which a sink finds the failing records; by halves, PostgreSQL finds them.
#[derive(Debug, Clone, Copy)]
enum Finds {
    First,
    Last,
    ByHalves,
}

/// Writes the polled records as the host does, without Kafka and PostgreSQL. Returns the halted
/// partitions.
fn write(
    partitions: &mut Partitions,
    database: &mut Database,
    polled: Vec<Record>,
    fails: &BTreeSet<(i32, i64)>,
    policy: PoisonPolicy,
    finds: Finds,
) -> BTreeSet<i32> {
    let (batch, stops) = partitions.admit(polled);
    assert!(stops.is_empty(), "{stops:?}");
    let mut halted = BTreeSet::new();
    let mut queue = VecDeque::from([batch]);
    while let Some(mut batch) = queue.pop_front() {
        if batch.is_empty() {
            continue;
        }
        let applied = batch.applied().into_owned();
        let mut failing = applied
            .iter()
            .filter(|record| fails.contains(&(record.partition, record.offset)));
        let found = match finds {
            Finds::Last => failing.next_back(),
            Finds::First | Finds::ByHalves => failing.next(),
        };
        let Some(found) = found else {
            database.commit(partitions, &batch);
            continue;
        };
        if matches!(finds, Finds::ByHalves) {
            let rest = batch.split();
            if !rest.is_empty() {
                queue.push_front(rest);
                queue.push_front(batch);
                continue;
            }
        }
        queue.push_front(batch);
        let stop = set_aside(
            partitions,
            &mut queue,
            policy,
            poison(found),
            Timestamp::default(),
        );
        if let Some(stop) = stop {
            assert!(matches!(stop, Stop::Poison(_)), "{stop:?}");
            partitions.stop(&place(found.partition));
            halted.insert(found.partition);
        }
    }
    halted
}

proptest! {
    #[test]
    fn each_key_is_applied_up_to_its_first_failure_and_parked_from_there(
        keys in prop::collection::vec((0..PARTITIONS, 0_u8..4), 1..60),
        fails in prop::collection::btree_set(0_usize..60, 0..8),
        polls in prop::collection::vec(1_usize..20, 60),
        policy in prop_oneof![Just(PoisonPolicy::Park), Just(PoisonPolicy::Skip), Just(PoisonPolicy::Halt)],
        finds in prop_oneof![Just(Finds::First), Just(Finds::Last), Just(Finds::ByHalves)],
    ) {
        let mut sequences = BTreeMap::new();
        let records: Vec<Record> = keys.iter().map(|(partition, key)| {
            let sequence = sequences.entry(*partition).or_insert(0);
            *sequence += 1;
            record(*partition, *sequence, &[b'a' + key])
        }).collect();
        let fails: BTreeSet<(i32, i64)> = records.iter().enumerate()
            .filter(|(index, _)| fails.contains(index))
            .map(|(_, record)| (record.partition, record.offset))
            .collect();
        let (mut partitions, mut database) = (assigned(), Database::default());
        let mut halted = BTreeSet::new();
        let (mut rest, mut polls) = (records.clone(), polls.into_iter());
        while !rest.is_empty() {
            let later = rest.split_off(polls.next().unwrap_or(1).min(rest.len()));
            halted.extend(write(&mut partitions, &mut database, rest, &fails, policy, finds));
            rest = later;
        }

        // What the records say, read one by one.
        let (mut applied, mut parked, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
        let (mut waiting, mut stopped) = (BTreeSet::new(), BTreeSet::new());
        for record in &records {
            let at = (record.partition, record.offset);
            let key = (record.partition, record.key.clone());
            let is_failing = fails.contains(&at);
            if stopped.contains(&record.partition) {
                continue;
            }
            match policy {
                PoisonPolicy::Halt if is_failing => { stopped.insert(record.partition); }
                PoisonPolicy::Skip if is_failing => skipped.push(at),
                PoisonPolicy::Park if is_failing || waiting.contains(&key) => {
                    let is_first = waiting.insert(key);
                    parked.push((at.0, at.1, is_first));
                }
                _ => applied.push(at),
            }
        }
        // Batches have the order of each partition, and none between partitions.
        let sorted = |mut all: Vec<(i32, i64)>| { all.sort_by_key(|at| at.0); all };
        let parked_at = |all: Vec<(i32, i64, bool)>| {
            let mut all = all; all.sort_by_key(|at| at.0); all
        };
        prop_assert_eq!(sorted(database.applied), sorted(applied));
        prop_assert_eq!(parked_at(database.parked), parked_at(parked.clone()));
        prop_assert_eq!(sorted(database.skipped), sorted(skipped));
        prop_assert_eq!(&halted, &stopped);
        let known: u64 = partitions.parked().map(|key| key.records).sum();
        if policy == PoisonPolicy::Park {
            prop_assert_eq!(known, parked.len() as u64);
        }
    }
}

/// Parks the keys of these records, each in a batch of its own.
fn park(partitions: &mut Partitions, records: Vec<Record>) -> Vec<Option<Stop>> {
    records
        .into_iter()
        .map(|record| {
            let found = poison(&record);
            let (batch, _) = partitions.admit(vec![record]);
            let mut queue = VecDeque::from([batch]);
            let now = Timestamp::default();
            let stop = set_aside(partitions, &mut queue, PoisonPolicy::Park, found, now);
            for batch in &queue {
                let moves = partitions.moves(batch);
                partitions.advance(moves);
            }
            stop
        })
        .collect()
}

#[test]
fn partition_halts_if_too_many_keys_are_parked() {
    let mut partitions = assigned();
    let records = (1..=1_001).map(|sequence| record(0, sequence, sequence.to_string().as_bytes()));
    let mut stops = park(&mut partitions, records.collect());
    let last = stops.pop().unwrap();
    assert!(stops.iter().all(Option::is_none), "{stops:?}");
    assert!(matches!(last, Some(Stop::TooManyParked(_))), "{last:?}");
    assert_eq!(partitions.parked().count(), 1_000);
}

#[test]
fn key_that_the_database_cannot_store_halts_the_partition() {
    for key in [&b"\xff"[..], b"a\0b"] {
        let stops = park(&mut assigned(), vec![record(0, 1, key)]);
        assert!(matches!(stops[..], [Some(Stop::NoKey(_))]), "{stops:?}");
    }
    let mut without = record(0, 1, b"");
    without.key = None;
    let stops = park(&mut assigned(), vec![without]);
    assert!(matches!(stops[..], [Some(Stop::NoKey(_))]), "{stops:?}");
}

#[test]
fn poison_that_must_halt_is_not_parked() {
    let mut partitions = assigned();
    let first = record(0, 1, b"a");
    let found = poison(&first).halting();
    let (batch, _) = partitions.admit(vec![first]);
    let mut queue = VecDeque::from([batch]);
    let now = Timestamp::default();
    let stop = set_aside(&mut partitions, &mut queue, PoisonPolicy::Park, found, now);
    assert!(matches!(stop, Some(Stop::Poison(_))), "{stop:?}");
    assert!(queue[0].is_empty());
    assert_eq!(partitions.parked().count(), 0);
}
