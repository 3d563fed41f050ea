//! A desk: the partitions and pending commands of a worker, without the worker.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use factline::cancel::{self, Cancel};
use factline::{AggregateType as _, Envelope, Messages as _, Timestamp};
use uuid::Uuid;

use super::counter::{Counter, CounterType};
use super::log::Log;
use super::messages::{Event, Step, Take};
use crate::decide::batch::Batch;
use crate::decide::codecs::Codecs;
use crate::decide::facts::Facts;
use crate::decide::inputs::{Budget, Environment, Pending, ReadCommand};
use crate::decide::record_factory::RecordFactory;
use crate::snapshot::record;
use crate::state::disk::Disk;
use crate::state::memory::MemoryBudget;
use crate::state::overlay::Overlay;
use crate::state::partition::{Bounds, Partition};
use crate::state::resources::Shared;
use factline_kafka::records::record::Record;
use factline_kafka::topics::partition_of;

/// Dedupe window of a desk's partitions.
pub(super) const WINDOW: TimeDelta = TimeDelta::hours(1);

/// The time of the worker's clock.
pub(super) const CLOCK: i64 = 1_000_000;

pub(super) struct Desk {
    pub(super) factory: RecordFactory,
    /// Codecs of commands.
    codecs: Codecs,
    /// Codec of cancels.
    cancels: Codecs,
    pub(super) partitions: HashMap<i32, Partition<Counter>>,
    pub(super) pending: Vec<Record>,
    pub(super) idle: HashMap<i32, Timestamp>,
    pub(super) held: BTreeSet<i32>,
    /// Append time of the next command.
    pub(super) now: Timestamp,
    /// Number of commands so far.
    sent: u32,
    /// Records that were committed.
    pub(super) log: Log,
    bounds: Bounds,
    /// The folder of states on disk.
    _folder: tempfile::TempDir,
}

/// Returns a time in seconds.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

/// Returns the id of an aggregate of a partition.
pub(super) fn subject(partition: i32, number: usize) -> String {
    let names = (0..).map(|name| format!("counter-{name}"));
    let mut own = names.filter(|name| partition_of(name.as_bytes(), 2) == partition);
    own.nth(number).expect("a partition has many keys")
}

/// Returns a command that takes a step without a deadline.
pub(super) fn step(step: Step) -> Take {
    let amount = 1;
    Take {
        step,
        amount,
        ..Take::default()
    }
}

/// Returns a command that takes a step and sets a deadline.
pub(super) fn step_until(first: Step, due: Timestamp, at_due: Step) -> Take {
    Take {
        due: due.timestamp_millis(),
        at_due,
        ..step(first)
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with_budget(u64::MAX)
    }

    /// Creates a desk whose partitions have a memory budget, in bytes.
    pub(super) fn with_budget(budget: u64) -> Self {
        Self::with_snapshots(budget, 0)
    }

    /// Creates a desk that writes snapshots after this number of events of a partition.
    pub(super) fn with_snapshots(budget: u64, snapshots_every: u64) -> Self {
        let factory = RecordFactory::in_memory(CounterType::CONTRACT);
        let folder = tempfile::tempdir().expect("a folder can be created");
        let bounds = Bounds {
            window: WINDOW,
            snapshots_every,
            shared: Shared {
                memory: Arc::new(MemoryBudget::of(budget)),
                disk: Arc::new(Disk::new(folder.path().to_owned(), 4 << 20)),
            },
        };
        let partitions = (0..CounterType::PARTITIONS)
            .map(|partition| (partition, Partition::new(&factory, &bounds, None)));
        Self {
            _folder: folder,
            partitions: partitions.collect(),
            codecs: Codecs::in_memory(1, Take::RECORDS),
            cancels: Codecs::in_memory(50, &[cancel::SCHEMA]),
            factory,
            pending: Vec::new(),
            idle: HashMap::new(),
            held: BTreeSet::new(),
            now: at(CLOCK),
            sent: 0,
            log: Log::default(),
            bounds,
        }
    }

    /// Drops the states, and recovers them from the log.
    pub(super) fn restart(&mut self) {
        let next = self.partitions.drain();
        let next: HashMap<i32, i64> = next.map(|(number, state)| (number, state.next())).collect();
        for (partition, next) in next {
            let mut state = self.log.recover(partition, &self.factory, &self.bounds);
            state.ready(next);
            self.partitions.insert(partition, state);
        }
        self.relieve();
    }

    /// Appends a command at the present time, and returns its operation.
    pub(super) fn send(&mut self, subject: &str, take: Take) -> Uuid {
        self.send_as(subject, take, |_| ())
    }

    /// Appends a command whose envelope is changed.
    pub(super) fn send_as(
        &mut self,
        subject: &str,
        take: Take,
        change: impl FnOnce(&mut Envelope),
    ) -> Uuid {
        let operation = Uuid::from_u128((self.sent + 1).into());
        let mut envelope =
            Envelope::of_command(operation, take.record(), "/test", subject, self.now);
        change(&mut envelope);
        let value = self.codecs.message(&take);
        self.append(&envelope, value.expect("the command is encoded"))
    }

    /// Appends a cancel of an operation at the present time, and returns its own operation.
    pub(super) fn cancel(&mut self, subject: &str, operation: Uuid) -> Uuid {
        self.cancel_as(subject, operation, |_| ())
    }

    /// Appends a cancel whose envelope is changed.
    pub(super) fn cancel_as(
        &mut self,
        subject: &str,
        operation: Uuid,
        change: impl FnOnce(&mut Envelope),
    ) -> Uuid {
        let mut envelope = cancel::envelope(operation, "/test", subject, self.now);
        change(&mut envelope);
        let value = self.cancels.value(cancel::SCHEMA.name, &Cancel {});
        self.append(&envelope, value.expect("the cancel is encoded"))
    }

    fn append(&mut self, envelope: &Envelope, value: Vec<u8>) -> Uuid {
        self.sent += 1;
        let subject = &envelope.subject;
        self.pending.push(Record {
            topic: self.factory.topics.commands().to_owned(),
            partition: partition_of(subject.as_bytes(), CounterType::PARTITIONS),
            offset: self.sent.into(),
            timestamp: self.now,
            key: Some(subject.as_bytes().to_vec()),
            headers: envelope.to_headers().into_iter().collect(),
            value: Some(value),
        });
        envelope.operation
    }

    /// Returns the command that was appended last.
    pub(super) fn last(&mut self) -> &mut Record {
        self.pending.last_mut().expect("a command is pending")
    }

    /// Decides all that is pending.
    pub(super) fn decide(&self) -> Batch<Counter> {
        self.decide_within(Budget::of(usize::MAX))
    }

    /// Decides until a budget is spent.
    pub(super) fn decide_within(&self, budget: Budget) -> Batch<Counter> {
        self.decide_as(budget, &|record| self.codecs.read(record))
    }

    /// Decides on a batch that is not adopted yet.
    pub(super) fn decide_on(&self, before: &Batch<Counter>, budget: Budget) -> Batch<Counter> {
        self.decide_with(Some(before), budget, &|record| self.codecs.read(record))
    }

    /// Decides with another way to read commands.
    pub(super) fn decide_as(
        &self,
        budget: Budget,
        read: &dyn Fn(&Record) -> ReadCommand<Counter>,
    ) -> Batch<Counter> {
        self.decide_with(None, budget, read)
    }

    fn decide_with(
        &self,
        before: Option<&Batch<Counter>>,
        budget: Budget,
        read: &dyn Fn(&Record) -> ReadCommand<Counter>,
    ) -> Batch<Counter> {
        let read_cancel = |record: &Record| self.cancels.read_cancel(record);
        let environment = Environment {
            clock: || at(CLOCK),
            ..Environment::of(&self.factory, read, &read_cancel)
        };
        let pending = Pending {
            partitions: &self.partitions,
            before: before.map(Batch::changes),
            commands: &self.pending,
            idle: &self.idle,
            held: &self.held,
        };
        Batch::decide(&environment, &pending, budget)
    }

    /// Reads a command as a worker does.
    pub(super) fn read(&self, record: &Record) -> ReadCommand<Counter> {
        self.codecs.read(record)
    }

    /// Adopts a batch, as after its commit.
    pub(super) fn adopt(&mut self, batch: Batch<Counter>) {
        self.adopt_before_another(batch);
        self.relieve();
    }

    /// Adopts a batch while another one that was decided on it is being committed: nothing moves to
    /// the disk.
    pub(super) fn adopt_before_another(&mut self, batch: Batch<Counter>) {
        let adopted = batch.adopt(&self.factory, &mut self.partitions, &mut self.pending);
        adopted.expect("the disk takes states");
    }

    /// Moves everything to the disk.
    pub(super) fn move_all_to_disk(&mut self) {
        for partition in self.partitions.values_mut() {
            let moved = partition.move_all_to_disk();
            moved.expect("the disk takes states");
        }
    }

    fn relieve(&mut self) {
        for partition in self.partitions.values_mut() {
            while partition.relieve(10).expect("the disk takes states") > 0 {}
        }
    }

    /// Decides and adopts all that is pending, with the snapshots that are due, and returns the
    /// facts.
    pub(super) fn turn(&mut self) -> Vec<Facts<Event>> {
        for (partition, state) in &mut self.partitions {
            if state.is_snapshot_due() {
                state.begin_snapshots(self.log.end_of_events(*partition));
            }
        }
        let mut batch = self.decide();
        batch.add_snapshots(&self.factory, &self.partitions, 1, usize::MAX);
        let facts = batch.facts.clone();
        self.log.append(&facts, &batch.records, &self.factory);
        self.adopt(batch);
        facts
    }

    /// Returns everything that is known of an aggregate, as the JSON of a snapshot.
    pub(super) fn json(&self, subject: &str) -> String {
        let partition = partition_of(subject.as_bytes(), CounterType::PARTITIONS);
        let mut overlay = Overlay::over(&self.partitions[&partition], None);
        let fetched = overlay.fetch(Some(subject), std::iter::empty());
        fetched.expect("the disk is readable");
        let json = record::encode(&overlay.load(subject)).expect("the state has JSON");
        String::from_utf8(json).expect("JSON is text")
    }

    /// Returns the version and the total of an aggregate in the committed state.
    pub(super) fn committed(&self, subject: &str) -> (u64, i64) {
        let partition = partition_of(subject.as_bytes(), CounterType::PARTITIONS);
        let mut overlay = Overlay::over(&self.partitions[&partition], None);
        let fetched = overlay.fetch(Some(subject), std::iter::empty());
        fetched.expect("the disk is readable");
        let stored = overlay.load(subject);
        (stored.version, stored.state.total)
    }
}
