//! A log: everything that the batches of a desk have committed, without a broker.

use factline::Envelope;

use super::counter::Counter;
use super::messages::Event;
use crate::decide::checks;
use crate::decide::encode::Outgoing;
use crate::decide::facts::Facts;
use crate::decide::record_factory::RecordFactory;
use crate::snapshot::load::NewestRecords;
use crate::state::partition::{Bounds, Partition, Remembered};
use factline_kafka::records::record::Record;

#[derive(Default)]
pub(super) struct Log {
    /// Each event with its partition. Its offset is its place among those of its partition.
    events: Vec<(i32, Envelope, Event)>,
    /// The facts, for their outcomes.
    facts: Vec<Facts<Event>>,
    pub(super) snapshots: Vec<Record>,
    /// Number of recovered partitions that began with snapshots.
    pub(super) loaded: usize,
}

impl Log {
    pub(super) fn append(
        &mut self,
        facts: &[Facts<Event>],
        records: &[Outgoing],
        factory: &RecordFactory,
    ) {
        for fact in facts {
            let events = fact.events.iter();
            let events =
                events.map(|event| (fact.partition, event.envelope.clone(), event.value.clone()));
            self.events.extend(events);
        }
        self.facts.extend_from_slice(facts);
        let snapshots = records
            .iter()
            .filter(|record| *record.topic == *factory.topics.snapshots());
        self.snapshots.extend(snapshots.map(|record| Record {
            topic: record.topic.to_string(),
            partition: record.partition,
            offset: 0,
            timestamp: record.time,
            key: Some(record.key.clone()),
            headers: record.headers.clone(),
            value: Some(record.value.clone()),
        }));
    }

    fn events_of(&self, partition: i32) -> impl Iterator<Item = &(i32, Envelope, Event)> {
        self.events.iter().filter(move |event| event.0 == partition)
    }

    pub(super) fn end_of_events(&self, partition: i32) -> i64 {
        i64::try_from(self.events_of(partition).count()).expect("few events")
    }

    /// Recovers a partition in the order of a real recovery: snapshots, later events, outcomes.
    /// Snapshots that are not valid are a fault of the handler that wrote them.
    pub(super) fn recover(
        &mut self,
        partition: i32,
        factory: &RecordFactory,
        bounds: &Bounds,
    ) -> Partition<Counter> {
        let mut newest = NewestRecords::new(&bounds.shared);
        for record in &self.snapshots {
            if record.partition == partition {
                newest.take(record.clone()).expect("the disk takes records");
            }
        }
        let ends = (0, self.end_of_events(partition));
        let valid = newest.validate(factory, ends, &bounds.shared);
        let loaded = valid.expect("the disk works").expect("snapshots are valid");
        self.loaded += usize::from(loaded.is_some());
        let begin = loaded.as_ref().map_or(0, |loaded| loaded.cover.tail.offset);
        let mut state = Partition::new(factory, bounds, loaded);
        for (offset, (_, envelope, event)) in (0..).zip(self.events_of(partition)) {
            if offset >= begin {
                let replayed = state.replay(offset, envelope, event);
                replayed.expect("the history continues");
            }
        }
        let facts = self.facts.iter();
        let facts = facts.filter(|facts| facts.partition == partition);
        let outcomes = facts.flat_map(|facts| {
            let outcomes = facts.outcome.iter().chain(&facts.concluded);
            outcomes.chain(&facts.cancel)
        });
        for outcome in outcomes {
            let envelope = &outcome.envelope;
            let remembered = state.remember(&Remembered {
                operation: envelope.operation,
                time: envelope.time,
                record: Some((envelope.id, &envelope.subject)),
                scope: checks::scope(envelope),
                delivery: envelope.delivery.clone(),
                is_deadline: envelope.command_position.is_none(),
            });
            remembered.expect("the disk works");
        }
        state
    }
}
