//! Finds the record of the command that an outcome names.

use factline::Timestamp;
use uuid::Uuid;

use super::log::{Ahead, Command, Error, Records};

/// The commands of a partition, in order.
pub(super) struct Commands<'l>(Ahead<'l, Command>);

/// The next step towards a command.
pub(super) enum Next {
    /// The command.
    Found(Box<Command>),
    /// A command before it, which has no outcome.
    WithoutOutcome(Box<Command>),
    /// The command is not there.
    Missing,
}

impl<'l> Commands<'l> {
    pub(super) fn of(source: Records<'l, Command>) -> Self {
        Self(Ahead::of(source))
    }

    /// Returns the next step towards the command of an operation at an offset, which was decided at
    /// a time. Commands are decided in the order of their offsets.
    ///
    /// A log that was restored has outcomes that name offsets of the log before. They are told by
    /// the operation, and by the time: no command is decided before it is appended.
    pub(super) fn next_towards(
        &mut self,
        offset: i64,
        operation: Uuid,
        decided: Timestamp,
    ) -> Result<Next, Error> {
        let Some(Command { record, .. }) = self.0.peek()? else {
            return Ok(Next::Missing);
        };
        let is_before = record.offset < offset && record.timestamp <= decided;
        let is_it = record.offset == offset && record.operation() == operation;
        if !is_before && !is_it {
            return Ok(Next::Missing);
        }
        Ok(match self.0.take()?.map(Box::new) {
            Some(command) if is_it => Next::Found(command),
            Some(command) => Next::WithoutOutcome(command),
            None => Next::Missing,
        })
    }

    /// Returns the next command, after the last outcome.
    pub(super) fn rest(&mut self) -> Result<Option<Command>, Error> {
        self.0.take()
    }
}
