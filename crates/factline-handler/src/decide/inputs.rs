//! The inputs of a decision besides the aggregate's rules.

use std::collections::{BTreeSet, HashMap};

use chrono::{SubsecRound as _, TimeDelta};
use factline::{Aggregate, CommandOf, Envelope, Timestamp};
use uuid::Uuid;

use crate::decide::encode::Encoder;
use crate::decide::fault::Fault;
use crate::decide::origin::Origin;
use crate::decide::record_factory::RecordFactory;
use crate::state::changes::Changes;
use crate::state::overlay::Overlay;
use crate::state::partition::Partition;
use factline_kafka::records::decode;
use factline_kafka::records::record::Record;

/// A decoded command with its envelope, or the reason why its record cannot be decoded.
pub(crate) type ReadCommand<A> =
    Result<(Envelope, CommandOf<<A as Aggregate>::Type>), decode::Error>;

/// The envelope of a cancel with the operation that it names, or the reason why its record cannot
/// be decoded.
pub(crate) type ReadCancel = Result<(Envelope, Uuid), decode::Error>;

/// The surroundings of a decision. A test replaces each of them.
pub(crate) struct Environment<'e, A: Aggregate> {
    pub(crate) origin: &'e Origin,
    pub(crate) encoder: &'e Encoder,
    /// Decodes a command's record.
    pub(crate) read: &'e dyn Fn(&Record) -> ReadCommand<A>,
    /// Decodes a cancel's record.
    pub(crate) read_cancel: &'e dyn Fn(&Record) -> ReadCancel,
    /// Returns the worker's time, to which a command's time to live refers.
    pub(crate) clock: fn() -> Timestamp,
}

/// Maximum time by which the time of a command is ahead of the clocks of worker and sender. The
/// clock of a broker that is further ahead is wrong.
pub(crate) const MOST_AHEAD: TimeDelta = TimeDelta::minutes(1);

impl<'e, A: Aggregate> Environment<'e, A> {
    /// Returns the surroundings in which a worker decides. `read` decodes the record of a command,
    /// and `read_cancel` that of a cancel.
    pub(crate) fn of(
        factory: &'e RecordFactory,
        read: &'e dyn Fn(&Record) -> ReadCommand<A>,
        read_cancel: &'e dyn Fn(&Record) -> ReadCancel,
    ) -> Self {
        Self {
            origin: &factory.origin,
            encoder: &factory.encoder,
            read,
            read_cancel,
            clock: chrono::Utc::now,
        }
    }

    /// Returns the time of a command: the broker's, unless that is wrong by the clocks of both
    /// worker and sender. One broker with a wrong clock must neither make deadlines due nor make
    /// decided commands forgotten before their time.
    ///
    /// - A broker that is far ahead of both clocks would do so at once. The command gets the later
    ///   time of the two.
    /// - A broker that is behind would do so for the deadlines that the command sets. A command is
    ///   not older than its origin, so this is the earliest time, as far as the worker's clock has
    ///   passed it.
    ///
    /// The sender's clock counts too, because a command is remembered from its time on and refused
    /// as too old from its origin on: the first must not be before the second.
    ///
    /// The time is in milliseconds, as Kafka's are: a handler that recovers reads it from the
    /// timestamps of outcomes.
    pub(crate) fn time_of(&self, record: &Record) -> Timestamp {
        let now = (self.clock)().trunc_subsecs(3);
        let origin = record.origin_time().map(|origin| origin.trunc_subsecs(3));
        let latest = origin.map_or(now, |origin| now.max(origin));
        if record.timestamp > latest + MOST_AHEAD {
            return latest;
        }
        let earliest = origin.map(|origin| now.min(origin));
        earliest.map_or(record.timestamp, |earliest| record.timestamp.max(earliest))
    }
}

/// The committed states, and the commands and deadlines to decide on top of them.
pub(crate) struct Pending<'p, A> {
    pub(crate) partitions: &'p HashMap<i32, Partition<A>>,
    /// The changes of the batch that is being committed, by partition.
    pub(crate) before: Option<&'p HashMap<i32, Changes<A>>>,
    /// The commands, in order within each partition. Those that the batch before has handled may
    /// be among them.
    pub(crate) commands: &'p [Record],
    /// The idle partitions, with the time up to which their deadlines are decided.
    pub(crate) idle: &'p HashMap<i32, Timestamp>,
    /// The partitions of which nothing may be decided at present.
    pub(crate) held: &'p BTreeSet<i32>,
}

impl<'p, A: Aggregate> Pending<'p, A> {
    /// Returns an overlay of a partition; none if the worker does not have it.
    pub(crate) fn overlay(&self, partition: i32) -> Option<Overlay<'p, A>> {
        let base = self.partitions.get(&partition)?;
        let before = self.before.and_then(|before| before.get(&partition));
        Some(Overlay::over(base, before))
    }
}

/// The number of commands and deadlines that may still be decided, and a fault of the first that
/// the broker has found.
pub(crate) struct Budget {
    count: usize,
    fault: Option<Fault>,
}

impl Budget {
    /// Creates the budget of a batch.
    pub(crate) fn of(count: usize) -> Self {
        Self { count, fault: None }
    }

    /// Creates the budget of a batch whose first command or deadline has a known fault.
    pub(crate) fn with_fault(count: usize, fault: Fault) -> Self {
        Self {
            count,
            fault: Some(fault),
        }
    }

    /// Returns how many decisions may still be made.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Counts one decision, and returns the fault if it is the first.
    pub(crate) fn take(&mut self) -> Option<Fault> {
        self.count -= 1;
        self.fault.take()
    }

    /// Returns whether nothing more may be decided.
    pub(crate) fn is_spent(&self) -> bool {
        self.count == 0
    }
}
