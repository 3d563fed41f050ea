//! The ids that messages name in their fields.

use factline::Messages;

use crate::decide::fault::Fault;

/// Checks that a message names the aggregate that it belongs to, if it names one. Otherwise the
/// rules of one aggregate would write the id of another one into events.
pub(crate) fn check_id(message: &impl Messages, subject: &str) -> Result<(), Fault> {
    match message.aggregate_id() {
        Some(id) if id != subject => Err(Fault::Id {
            record: message.record(),
            id: id.into_owned(),
            subject: subject.to_owned(),
        }),
        _ => Ok(()),
    }
}
