//! Reads the partitions of an aggregate type, side by side, into their ledgers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use factline::Contract;
use factline_kafka::tools::partition_scan::{Scanned, scan};
use factline_kafka::{KafkaConfig, Topics};

use super::headers::Fact;
use super::ledger::Topic;
use super::state_file::StateFile;
use super::unit::{Unit, divided, units};
use super::values::Values;

/// Records between two looks at the clock.
const BETWEEN_LOOKS: u64 = 4096;

/// A run, as all of its threads see it.
pub(super) struct Run {
    pub(super) kafka: KafkaConfig,
    /// Number of partitions that are read at the same time.
    pub(super) workers: usize,
    /// Decoder of values, if values are decoded.
    pub(super) values: Option<Values>,
    pub(super) state: Option<Mutex<StateFile>>,
    /// Least time between two writes of the state file while events are read.
    pub(super) between_writes: Duration,
    /// Numbers of records that were read, and that are to be read.
    pub(super) done: AtomicU64,
    pub(super) total: AtomicU64,
}

/// The topics of a partition, in the order in which they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Commands,
    Outcomes,
    Events,
}

impl Run {
    /// Checks an aggregate type. Blocks until it has been read.
    pub(super) fn check(&self, contract: &'static Contract) -> Result<Vec<Unit>> {
        let mut units = match &self.state {
            Some(state) => {
                let state = state.lock().unwrap_or_else(PoisonError::into_inner);
                units(&self.kafka, contract, Some(&state))?
            }
            None => units(&self.kafka, contract, None)?,
        };
        let total = units.iter().map(Unit::total).sum();
        self.total.fetch_add(total, Ordering::Relaxed);
        let topics = self.kafka.topics(contract);
        let parts = divided(&mut units, self.workers);
        std::thread::scope(|scope| {
            let parts = parts.into_iter();
            let threads: Vec<_> = parts
                .map(|mut part| {
                    let topics = &topics;
                    scope.spawn(move || self.part(topics, &mut part))
                })
                .collect();
            let mut ended = threads.into_iter().map(|thread| {
                let panicked = |_| anyhow!("a thread that reads partitions has panicked");
                thread.join().map_err(panicked)?
            });
            ended.try_for_each(|ended| ended)
        })?;
        self.save(units.iter().map(|unit| {
            let next = unit.committed.unwrap_or_default();
            (unit, next.max(unit.commands.0), unit.events.1)
        }))?;
        Ok(units)
    }

    /// Reads a part of the partitions.
    fn part(&self, topics: &Topics, units: &mut BTreeMap<i32, &mut Unit>) -> Result<()> {
        self.step(topics.commands(), Step::Commands, units)?;
        self.step(topics.outcomes(), Step::Outcomes, units)?;
        for unit in units.values_mut() {
            if let Some(committed) = unit.committed {
                let is_complete = unit.outcomes_begin == 0;
                unit.ledger.check_commands(committed, is_complete);
            }
        }
        self.step(topics.events(), Step::Events, units)?;
        for unit in units.values_mut() {
            unit.ledger
                .check_doubtful(unit.committed.unwrap_or_default());
        }
        Ok(())
    }

    fn step(&self, topic: &str, step: Step, units: &mut BTreeMap<i32, &mut Unit>) -> Result<()> {
        let ranges = units.iter().map(|(partition, unit)| {
            let range = match step {
                Step::Commands => unit.commands,
                Step::Outcomes => unit.outcomes,
                Step::Events => unit.events,
            };
            (*partition, range)
        });
        let ranges: BTreeMap<i32, (i64, i64)> = ranges.collect();
        // Events that were read, as far as a state file may say so.
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        let (mut count, mut pause, mut written) = (0_u64, self.between_writes, Instant::now());
        scan(&self.kafka, topic, &ranges, |scanned: &Scanned<'_>| {
            let partition = scanned.partition();
            let Some(unit) = units.get_mut(&partition) else {
                return Ok(());
            };
            self.record(unit, step, scanned)?;
            count += 1;
            if step == Step::Events {
                next.insert(partition, scanned.offset() + 1);
            }
            if count % BETWEEN_LOOKS != 0 {
                return Ok(());
            }
            self.done.fetch_add(BETWEEN_LOOKS, Ordering::Relaxed);
            if step == Step::Events && self.state.is_some() && written.elapsed() > pause {
                let begun = Instant::now();
                self.save(units.iter().map(|(partition, unit)| {
                    let next = next.get(partition).copied().unwrap_or(unit.events.0);
                    (&**unit, unit.commands.0, next)
                }))?;
                // A large file takes time to write.
                pause = self.between_writes.max(begun.elapsed() * 20);
                written = Instant::now();
            }
            Ok::<(), anyhow::Error>(())
        })?;
        let rest = count % BETWEEN_LOOKS;
        self.done.fetch_add(rest, Ordering::Relaxed);
        Ok(())
    }

    fn record(&self, unit: &mut Unit, step: Step, scanned: &Scanned<'_>) -> Result<()> {
        let fact = Fact::of(scanned);
        let ledger = &mut unit.ledger;
        let (topic, state) = match step {
            Step::Commands => {
                unit.read[0] += 1;
                ledger.command(&fact);
                return Ok(());
            }
            Step::Outcomes => {
                unit.read[1] += 1;
                (Topic::Outcomes, ledger.outcome(&fact))
            }
            Step::Events => {
                unit.read[2] += 1;
                ledger.event(&fact);
                (Topic::Events, None)
            }
        };
        if let Some(values) = &self.values {
            values.check(ledger, topic, scanned, &fact, state)?;
        }
        Ok(())
    }

    /// Writes the state file, if there is one, with the progress of these partitions: each with the
    /// first command and the first event that were not checked.
    fn save<'a>(&self, units: impl Iterator<Item = (&'a Unit, i64, i64)>) -> Result<()> {
        let Some(state) = &self.state else {
            return Ok(());
        };
        let sections: Vec<_> = units
            .map(|(unit, command, event)| unit.section(command, event))
            .collect();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        for section in &sections {
            state.put(section)?;
        }
        state.write()
    }
}
