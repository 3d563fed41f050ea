//! Recovery: the stable committed offset, then the end of the log, then the log up to that end.

use super::action::Action;
use super::rule::Rule;
use super::state::{Id, Memory, State, Transaction, Worker};
use super::{Steps, Takeover};

pub(super) fn steps<const W: usize>(
    model: &Takeover<W>,
    state: &State<W>,
    who: usize,
    next: &mut Steps<'_, W>,
) {
    let Worker::Restoring { start, end } = state.slots[who].worker else {
        return;
    };
    let offset_first = model.keeps(Rule::OffsetBeforeEnd);
    let pending = || {
        let mut transactions = state.slots.iter().flat_map(|slot| &slot.transaction);
        transactions.any(Transaction::is_pending)
    };
    if start.is_none()
        && (offset_first || end.is_some())
        && !(model.keeps(Rule::StableOffset) && pending())
    {
        next.step(Action::AskOffset(who, state.offset), |to| {
            let start = Some(to.offset);
            to.slots[who].worker = Worker::Restoring { start, end };
        });
    }
    if end.is_none() && (!offset_first || start.is_some()) {
        let end = if model.keeps(Rule::HighWatermark) {
            state.log.len()
        } else {
            state.stable()
        };
        next.step(Action::Capture(who, end), |to| {
            let end = Some(end);
            to.slots[who].worker = Worker::Restoring { start, end };
        });
    }
    if let (Some(start), Some(end)) = (start, end)
        && (!model.keeps(Rule::WaitUntilStable) || state.stable() >= end)
    {
        // It reads up to the end of the log for `read_committed` consumers.
        let history: Vec<Id> = state.log[..state.stable()]
            .iter()
            .map(|entry| entry.record.id)
            .collect();
        next.step(Action::Read(who, history.len()), |to| {
            let remembers = model.keeps(Rule::RememberDecided);
            let known = if remembers {
                history.clone()
            } else {
                Vec::new()
            };
            to.slots[who].worker = Worker::Ready(Memory {
                history,
                known,
                next: start,
            });
        });
    }
}
