//! Records that are written in one transaction, each with its treatment.
//!
//! Pure bookkeeping, like [`crate::partition`].

use std::borrow::Cow;

use factline_kafka::Record;
use factline_kafka::topics::TopicPartition;

use crate::checkpoint::Cursor;

/// Records, in the order of each partition.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    /// A step for each record.
    pub(crate) steps: Vec<Step>,
}

/// A record's part of the transaction.
#[derive(Debug)]
pub(crate) struct Step {
    /// The cursor of the record's partition after it.
    pub(crate) after: Cursor,
    pub(crate) treatment: Treatment,
}

/// Treatment of a record by the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// The sink writes it.
    Apply,
    /// It is stored with the parked records of its key.
    Park {
        /// Why it cannot be applied; `None` if it waits behind an earlier record.
        cause: Option<String>,
    },
    /// It is left out.
    Skip {
        /// Why it cannot be applied.
        cause: String,
    },
}

impl Batch {
    pub(crate) fn push(&mut self, record: Record, after: Cursor, treatment: Treatment) {
        self.records.push(record);
        self.steps.push(Step { after, treatment });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the records that the sink writes.
    pub(crate) fn applied(&self) -> Cow<'_, [Record]> {
        let mut steps = self.steps.iter();
        if steps.all(|step| step.treatment == Treatment::Apply) {
            return Cow::Borrowed(&self.records);
        }
        let applied = self
            .iter()
            .filter(|(_, step)| step.treatment == Treatment::Apply);
        applied.map(|(record, _)| record.clone()).collect()
    }

    /// Returns the records that the sink does not write.
    pub(crate) fn set_aside(&self) -> impl Iterator<Item = (&Record, &Step)> {
        self.iter()
            .filter(|(_, step)| step.treatment != Treatment::Apply)
    }

    fn iter(&self) -> impl Iterator<Item = (&Record, &Step)> {
        self.records.iter().zip(&self.steps)
    }

    /// Returns the record at this offset, if the sink writes it.
    pub(crate) fn applied_at(&self, key: &TopicPartition, offset: i64) -> Option<&Record> {
        let mut all = self.iter();
        let found = all.find(|(record, _)| record.is_of(key) && record.offset == offset)?;
        (found.1.treatment == Treatment::Apply).then_some(found.0)
    }

    /// Parks the records of a key from an offset on. The first one has the cause.
    pub(crate) fn park(&mut self, key: &TopicPartition, of: &[u8], offset: i64, cause: &str) {
        for (record, step) in self.records.iter().zip(&mut self.steps) {
            let is_first = record.offset == offset;
            let concerned = record.offset >= offset && record.key.as_deref() == Some(of);
            if concerned && record.is_of(key) {
                let cause = is_first.then(|| cause.to_owned());
                step.treatment = Treatment::Park { cause };
            }
        }
    }

    /// Skips one record.
    pub(crate) fn skip(&mut self, key: &TopicPartition, offset: i64, cause: &str) {
        for (record, step) in self.records.iter().zip(&mut self.steps) {
            if record.offset == offset && record.is_of(key) {
                let cause = cause.to_owned();
                step.treatment = Treatment::Skip { cause };
            }
        }
    }

    /// Removes the second half and returns it.
    pub(crate) fn split(&mut self) -> Self {
        let half = self.records.len().div_ceil(2);
        Self {
            records: self.records.split_off(half),
            steps: self.steps.split_off(half),
        }
    }

    /// Drops a partition's records from an offset on.
    pub(crate) fn cut(&mut self, key: &TopicPartition, offset: i64) {
        let kept = std::mem::take(self);
        for (record, step) in kept.records.into_iter().zip(kept.steps) {
            if !(record.is_of(key) && record.offset >= offset) {
                self.records.push(record);
                self.steps.push(step);
            }
        }
    }
}
