//! The cancels among the pending commands of a batch. A command looks here for its cancel before it
//! is decided.
//!
//! A cancel may be found here, and the batch may end before the cancel's own place. So both are
//! decided at the place of the command, in one transaction. At its own place the cancel is then a
//! repeat.

use std::collections::HashMap;

use factline::{Aggregate, Timestamp};
use uuid::Uuid;

use crate::decide::cancel::{self, AcceptedCancel};
use crate::decide::handle;
use crate::decide::inputs::Environment;
use crate::state::overlay::Overlay;
use crate::state::waiting::Waiting;
use factline_kafka::records::record::Record;

/// The pending cancels, by partition and by the operation to cancel.
#[derive(Default)]
pub(super) struct Cancels<'p>(HashMap<(i32, Uuid), Vec<Pending<'p>>>);

/// A cancel that is not handled yet.
struct Pending<'p> {
    record: &'p Record,
    /// The time at which it would be decided at its own place.
    time: Timestamp,
}

impl<'p> Cancels<'p> {
    /// Finds the cancels among the pending commands.
    pub(super) fn among<A: Aggregate>(
        environment: &Environment<'_, A>,
        commands: &'p [Record],
    ) -> Self {
        let mut found = Self::default();
        // Usually there is none.
        if !commands.iter().any(Record::is_cancel) {
            return found;
        }
        let mut times: HashMap<i32, Timestamp> = HashMap::new();
        for record in commands {
            let time = times.entry(record.partition).or_default();
            *time = environment.time_of(record).max(*time);
            if let Some(operation) = record.cancels().filter(|_| record.is_cancel()) {
                let time = *time;
                let named = found.0.entry((record.partition, operation)).or_default();
                named.push(Pending { record, time });
            }
        }
        found
    }

    /// Returns the first acceptable cancel of a command that is to be decided, with its offset.
    pub(super) fn of<A: Aggregate>(
        &self,
        environment: &Environment<'_, A>,
        overlay: &mut Overlay<'_, A>,
        command: &Record,
    ) -> Result<Option<(i64, AcceptedCancel)>, Waiting> {
        if self.0.is_empty() || command.is_cancel() {
            return Ok(None);
        }
        let named = self.0.get(&(command.partition, command.operation()));
        for Pending { record, time } in named.into_iter().flatten() {
            let now = overlay.time().max(environment.time_of(command));
            // A cancel is remembered from the time of its command on. At its own place, it must not
            // be forgotten yet.
            if record.offset < command.offset || *time - now > overlay.window() {
                continue;
            }
            handle::fetch(overlay, record)?;
            let accepted = cancel::accept(environment, overlay, record, *time)?;
            let subject = command.key.as_deref().unwrap_or_default();
            if let Some(cancel) = accepted.filter(|cancel| cancel.is_about(subject)) {
                return Ok(Some((record.offset, cancel)));
            }
        }
        Ok(None)
    }
}
