//! A partition with the ranges to check, found before anything is read.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use factline::Contract;
use factline_kafka::tools::groups;
use factline_kafka::tools::partition_scan::Extents;
use factline_kafka::topics::TopicPartition;
use factline_kafka::topics::identity::topic_identity;
use factline_kafka::topics::watermarks::Ends;
use factline_kafka::{KafkaConfig, Topics};

use super::finding::{Finding, Kind};
use super::ledger::{Ledger, Names};
use super::state_file::{Section, StateFile};

/// A partition that is checked.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) ledger: Ledger,
    /// Identities of the topics of commands, outcomes and events, if the run has a state file.
    identities: Vec<String>,
    /// The offset that the handlers had committed before the ends were read.
    pub(super) committed: Option<i64>,
    /// Offsets from the first to read to the end.
    pub(super) commands: (i64, i64),
    pub(super) outcomes: (i64, i64),
    pub(super) events: (i64, i64),
    /// First offset of the outcomes that the broker still has.
    pub(super) outcomes_begin: i64,
    /// First offset of the commands that the broker still has.
    commands_begin: i64,
    /// Numbers of records that were read: commands, outcomes and events.
    pub(super) read: [u64; 3],
}

/// Finds the ranges of all partitions of an aggregate type.
///
/// The order matters, because handlers may run: the offsets that they have committed, then the ends
/// of events, then those of outcomes. So each command below a committed offset and each event has
/// its outcome below the end.
pub(super) fn units(
    kafka: &KafkaConfig,
    contract: &'static Contract,
    state: Option<&StateFile>,
) -> Result<Vec<Unit>> {
    let topics = kafka.topics(contract);
    let keys: Vec<TopicPartition> = (0..contract.partitions)
        .map(|partition| (topics.commands().to_owned(), partition))
        .collect();
    let committed = groups::committed(kafka, topics.handler_group(), &keys)?;
    let extents = Extents::new(kafka)?;
    let events = extents.of(topics.events())?;
    let outcomes = extents.of(topics.outcomes())?;
    let commands = extents.of(topics.commands())?;
    let mut identities = Vec::new();
    for (topic, ends) in [
        (topics.commands(), &commands),
        (topics.outcomes(), &outcomes),
        (topics.events(), &events),
    ] {
        let partitions = i32::try_from(ends.len()).unwrap_or_default();
        ensure!(
            partitions == contract.partitions,
            "{topic} has {partitions} partitions, and the contract has {}",
            contract.partitions
        );
        if state.is_some() {
            identities.push(topic_identity(kafka, topic)?);
        }
    }
    let range = |ends: &Ends, partition: i32| ends.get(&partition).copied().unwrap_or_default();
    let mut units = Vec::new();
    for (partition, key) in (0..).zip(&keys) {
        let names = names(contract, &topics, partition);
        let section = match state {
            Some(state) => state.section(contract.aggregate, partition)?,
            None => None,
        };
        let unit = Unit {
            ledger: Ledger::new(names),
            identities: identities.clone(),
            committed: committed.get(key).copied(),
            commands: range(&commands, partition),
            outcomes: range(&outcomes, partition),
            events: range(&events, partition),
            outcomes_begin: range(&outcomes, partition).0,
            commands_begin: range(&commands, partition).0,
            read: [0; 3],
        };
        units.push(match section {
            Some(section) => unit.continued(section)?,
            None => unit,
        });
    }
    for unit in &mut units {
        unit.check_committed(topics.handler_group());
    }
    Ok(units)
}

fn names(contract: &'static Contract, topics: &Topics, partition: i32) -> Names {
    Names {
        aggregate: contract.aggregate,
        partitions: contract.partitions,
        partition,
        commands: topics.commands().to_owned(),
        events: topics.events().to_owned(),
        outcomes: topics.outcomes().to_owned(),
    }
}

impl Unit {
    /// Continues where an earlier run has ended.
    fn continued(mut self, section: Section) -> Result<Self> {
        let names = self.ledger.names;
        ensure!(
            section.identities == self.identities,
            "the state file is about topics of {} that were deleted and created again since; \
             remove the file to verify the new ones",
            names.aggregate
        );
        let ranges = [&mut self.commands, &mut self.outcomes, &mut self.events];
        for (range, next) in ranges.into_iter().zip(section.next) {
            ensure!(
                next <= range.1,
                "the state file has reached offset {next} of a topic of {} that ends at {}",
                names.aggregate,
                range.1
            );
            range.0 = range.0.max(next);
        }
        self.ledger = Ledger::restore(names, section.ledger);
        if self.outcomes_begin > 0 {
            self.ledger.forget_outcomes_below(self.outcomes_begin);
        }
        Ok(self)
    }

    /// Returns the section of the state file. `next_command` is the first command that was not
    /// checked, and `next_event` the first event.
    pub(super) fn section(&self, next_command: i64, next_event: i64) -> Section {
        Section {
            aggregate: self.ledger.names.aggregate.to_owned(),
            partition: self.ledger.names.partition,
            identities: self.identities.clone(),
            next: [next_command, self.outcomes.1, next_event],
            ledger: self.ledger.save(),
        }
    }

    /// Returns the number of records that remain to be read: markers of transactions count too.
    pub(super) fn total(&self) -> u64 {
        let ranges = [self.commands, self.outcomes, self.events];
        let lengths = ranges.iter().map(|(begin, end)| end - begin);
        lengths
            .map(|length| u64::try_from(length).unwrap_or_default())
            .sum()
    }

    /// Checks that the handlers' group has an offset, and that no command was deleted before.
    fn check_committed(&mut self, group: &str) {
        let (first, partition) = (self.commands_begin, self.ledger.names.partition);
        let (kind, detail) = match self.committed {
            None => (
                Kind::NoCommittedOffset,
                format!("group {group} has no committed offset"),
            ),
            Some(committed) if committed < first => (
                Kind::CommandsDeleted,
                format!("the first command is at {first}, and group {group} is at {committed}"),
            ),
            Some(_) => return,
        };
        let finding = Finding {
            place: Some(format!("{}/{partition}", self.ledger.names.commands)),
            ..self.ledger.finding(kind, detail)
        };
        self.ledger.findings.add(finding);
    }
}

/// Divides partitions into parts of about the same number of records.
pub(super) fn divided(units: &mut [Unit], parts: usize) -> Vec<BTreeMap<i32, &mut Unit>> {
    let size = |unit: &Unit| {
        let ranges = [unit.commands, unit.outcomes, unit.events];
        ranges.iter().map(|(begin, end)| end - begin).sum::<i64>()
    };
    let mut sorted: Vec<&mut Unit> = units.iter_mut().collect();
    sorted.sort_by_key(|unit| std::cmp::Reverse(size(unit)));
    let mut divided: Vec<(i64, BTreeMap<i32, &mut Unit>)> = Vec::new();
    divided.resize_with(parts.clamp(1, sorted.len().max(1)), Default::default);
    for unit in sorted {
        if let Some((sum, part)) = divided.iter_mut().min_by_key(|(sum, _)| *sum) {
            *sum += size(unit);
            part.insert(unit.ledger.names.partition, unit);
        }
    }
    divided.into_iter().map(|(_, part)| part).collect()
}

/// Returns an error that names the aggregate type.
pub(super) fn of_aggregate<T>(checked: Result<T>, contract: &Contract) -> Result<T> {
    checked.with_context(|| format!("cannot verify {}", contract.aggregate))
}
