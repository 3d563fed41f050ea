//! One partition: its records, read from their topics or from an export.

use std::iter;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use factline_handler::dry_run::{Command, Encoding, Log, OwnCodecs, ReadError, Schemas};
use factline_kafka::Record;
use factline_kafka::tools::topic_reader::{Next, Range, Reader};

use super::exported::Exported;
use super::run::{Keys, Run, hash};
use super::tally::Tally;

/// The maximum time between two looks at the end of a topic.
const PATIENCE: Duration = Duration::from_millis(200);

/// A partition that is compared.
pub(super) struct Partition {
    pub(super) number: i32,
    /// Offsets from the first to read to the end.
    pub(super) commands: (i64, i64),
    pub(super) outcomes: (i64, i64),
    pub(super) events: (i64, i64),
    /// The offset that the handlers had committed before the ends were read.
    pub(super) committed: i64,
    /// The aggregates whose states are needed.
    pub(super) keys: Keys,
}

type Source<'s, T> = Box<dyn Iterator<Item = Result<T, ReadError>> + 's>;

impl Partition {
    /// Returns the number of records that remain to be read: markers of transactions count too.
    pub(super) fn total(&self) -> u64 {
        let ranges = [self.commands, self.outcomes, self.events];
        let lengths = ranges.iter().map(|(begin, end)| end - begin);
        lengths
            .map(|length| u64::try_from(length).unwrap_or_default())
            .sum()
    }

    /// Compares the decisions of the partition. Blocks until it has been read.
    pub(super) fn compare(
        &self,
        run: &Run,
        codecs: &OwnCodecs,
        exported: Option<&Exported>,
        tally: &mut Tally,
    ) -> Result<()> {
        let topics = run.kafka.topics(run.hosted.contract);
        let asked = &run.asked;
        let outcomes = Range {
            since: asked.since,
            until: asked.until,
            ..Range::default()
        };
        let mut outcomes = self.records(run, topics.outcomes(), self.outcomes, &outcomes)?;
        // Without a decision to compare, no state is needed.
        let events = if self.keys.is_empty() {
            (0, 0)
        } else {
            self.events
        };
        let mut events = self.records(run, topics.events(), events, &Range::default())?;
        let mut commands: Source<'_, Command> = if let Some(exported) = exported {
            Box::new(exported.commands(self.number, codecs)?)
        } else {
            let all = Range::default();
            let records = self.records(run, topics.commands(), self.commands, &all)?;
            Box::new(records.map(|record| {
                let encoding = Encoding::Framed;
                record.map(|record| Command { record, encoding })
            }))
        };
        let log = Log {
            partition: self.number,
            commands: &mut *commands,
            outcomes: &mut *outcomes,
            events: &mut *events,
            committed: self.committed,
            // Those before the time are not read.
            may_lack_outcomes: self.outcomes.0 > 0 || asked.since.is_some(),
            key: asked.key.as_deref(),
            has: &|key| self.keys.contains(&hash(key)),
            is_in_time: &|record| asked.is_in_time(record),
            schemas: Schemas {
                own: codecs,
                registry: &run.registry,
                runtime: &run.runtime,
            },
        };
        run.hosted
            .dry_run(log, &mut |verdict| tally.take(verdict, run.rows))?;
        Ok(())
    }

    /// Returns the records of a topic in a range of offsets.
    fn records<'r>(
        &self,
        run: &'r Run,
        topic: &str,
        (begin, end): (i64, i64),
        range: &Range,
    ) -> Result<Source<'r, Record>> {
        if begin >= end {
            return Ok(Box::new(iter::empty()));
        }
        let range = Range {
            partition: Some(self.number),
            ..range.clone()
        };
        let mut reader = Reader::open(&run.kafka, topic, &range)?;
        Ok(Box::new(iter::from_fn(move || {
            loop {
                match reader.next(PATIENCE) {
                    Ok(Next::Nothing) => {}
                    Ok(Next::End) => return None,
                    Ok(Next::Record(record)) if record.offset >= end => return None,
                    Ok(Next::Record(record)) => {
                        run.done.fetch_add(1, Ordering::Relaxed);
                        return Some(Ok(*record));
                    }
                    Err(error) => return Some(Err(error.into())),
                }
            }
        })))
    }
}
