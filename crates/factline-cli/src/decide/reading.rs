//! Reads the partitions of an aggregate type, side by side.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow, ensure};
use factline::{Timestamp, panic_message};
use factline_handler::dry_run::OwnCodecs;
use factline_kafka::tools::groups;
use factline_kafka::tools::partition_scan::{Extents, Scanned, scan};
use factline_kafka::topics::watermarks::Ends;
use factline_kafka::topics::{TopicPartition, partition_of};

use super::exported::Exported;
use super::partition::Partition;
use super::run::{Keys, Run, hash};
use super::tally::Tally;

/// Name of the threads that decide. Rules that panic are a result, and the report has it.
const THREAD: &str = "decide";

/// Suppresses the messages of panics in the threads that decide.
pub(super) fn silence_panics() {
    let other = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(THREAD) {
            other(panic);
        }
    }));
}

impl Run {
    /// Compares the aggregate type. Blocks until it has been read.
    pub(super) fn compare(&self, exported: Option<&Exported>) -> Result<Tally> {
        let codecs = OwnCodecs::of(self.hosted.contract).context("cannot read the schemas")?;
        let partitions = self.partitions(exported)?;
        let total = partitions.iter().map(Partition::total).sum();
        self.total.fetch_add(total, Ordering::Relaxed);
        let waiting = Mutex::new(partitions);
        let tallies: Result<Vec<Tally>> = std::thread::scope(|scope| {
            let work = || {
                let mut tally = Tally::default();
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    match next {
                        Some(next) => next.compare(self, &codecs, exported, &mut tally)?,
                        None => return Ok(tally),
                    }
                }
            };
            let named = || std::thread::Builder::new().name(THREAD.to_owned());
            let threads = (0..self.workers).map(|_| named().spawn_scoped(scope, work));
            let threads: Vec<_> = threads.collect::<Result<_, _>>()?;
            let threads = threads.into_iter();
            let ended = threads.map(|thread| {
                let panicked = |panic: Box<dyn Any + Send>| {
                    anyhow!(
                        "a thread that compares has panicked: {}",
                        panic_message(&*panic)
                    )
                };
                thread.join().map_err(panicked)?
            });
            ended.collect()
        });
        let mut all = Tally::default();
        for tally in tallies? {
            all.merge(tally, self.rows);
        }
        Ok(all)
    }

    /// Finds the ranges to read, and the aggregates whose states are needed.
    ///
    /// The order matters, because handlers may run: the offsets that they have committed, then the
    /// ends of outcomes, then those of events. So each command below a committed offset has its
    /// outcome below the end, and each outcome its events.
    fn partitions(&self, exported: Option<&Exported>) -> Result<Vec<Partition>> {
        let (kafka, contract) = (&self.kafka, self.hosted.contract);
        let topics = kafka.topics(contract);
        let chosen = match &self.asked.key {
            Some(key) => {
                let partition = partition_of(key.as_bytes(), contract.partitions);
                partition..partition + 1
            }
            None => 0..contract.partitions,
        };
        let places: Vec<TopicPartition> = chosen
            .clone()
            .map(|partition| (topics.commands().to_owned(), partition))
            .collect();
        let committed = groups::committed(kafka, topics.handler_group(), &places)?;
        let extents = Extents::new(kafka)?;
        let outcomes = self.ends(&extents, topics.outcomes())?;
        let events = self.ends(&extents, topics.events())?;
        let commands = match exported {
            Some(_) => Ends::new(),
            None => self.ends(&extents, topics.commands())?,
        };
        let range = |ends: &Ends, partition: i32| ends.get(&partition).copied().unwrap_or_default();
        let mut partitions: BTreeMap<i32, Partition> = BTreeMap::new();
        for (partition, place) in chosen.zip(&places) {
            partitions.insert(
                partition,
                Partition {
                    number: partition,
                    commands: range(&commands, partition),
                    outcomes: range(&outcomes, partition),
                    events: range(&events, partition),
                    committed: committed.get(place).copied().unwrap_or_default(),
                    keys: Keys::new(),
                },
            );
        }
        self.find_keys(topics.outcomes(), &mut partitions, |partition| {
            partition.outcomes
        })?;
        match exported {
            Some(exported) => {
                for (number, partition) in &mut partitions {
                    partition.keys.extend(exported.keys(*number));
                }
            }
            None => {
                self.find_keys(topics.commands(), &mut partitions, |partition| {
                    partition.commands
                })?;
            }
        }
        Ok(partitions.into_values().collect())
    }

    fn ends(&self, extents: &Extents, topic: &str) -> Result<Ends> {
        let ends = extents.of(topic)?;
        let expected = self.hosted.contract.partitions;
        let found = i32::try_from(ends.len()).unwrap_or_default();
        ensure!(
            found == expected,
            "{topic} has {found} partitions, and the contract has {expected}"
        );
        Ok(ends)
    }

    /// Adds the keys of commands, and of outcomes of deadlines, which name no command.
    fn find_keys(
        &self,
        topic: &str,
        partitions: &mut BTreeMap<i32, Partition>,
        range: impl Fn(&Partition) -> (i64, i64),
    ) -> Result<()> {
        let ranges = partitions.iter();
        let ranges: BTreeMap<i32, (i64, i64)> = ranges
            .map(|(number, partition)| (*number, range(partition)))
            .collect();
        scan(&self.kafka, topic, &ranges, |scanned: &Scanned<'_>| {
            let (Some(key), Some(partition)) =
                (scanned.key(), partitions.get_mut(&scanned.partition()))
            else {
                return Ok(());
            };
            let mut names_command = false;
            let _ = scanned.each_header(|name, _| names_command |= name == "ce_commandposition");
            let time = Timestamp::from_timestamp_millis(scanned.milliseconds());
            // A command may be decided later than it was appended.
            let is_early = self
                .asked
                .until
                .zip(time)
                .is_none_or(|(until, time)| time <= until);
            if !names_command && is_early && self.asked.has_key(key) {
                partition.keys.insert(hash(key));
            }
            Ok::<(), anyhow::Error>(())
        })
    }
}
