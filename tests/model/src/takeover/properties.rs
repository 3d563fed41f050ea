//! The invariants of every state.

use std::collections::HashSet;

use super::Takeover;
use super::action::{describe, named};
use super::state::{DEADLINE, Id, State, Worker};

pub(super) fn wrong<const W: usize>(model: &Takeover<W>, state: &State<W>) -> Option<String> {
    decided_twice(state)
        .or_else(|| versions(state))
        .or_else(|| passed_over(model, state))
        .or_else(|| memory(state).filter(|_| model.inside))
}

fn decided_twice<const W: usize>(state: &State<W>) -> Option<String> {
    let mut seen = HashSet::new();
    let twice = state.committed().find(|record| !seen.insert(record.id))?;
    Some(format!("{} has two committed outcomes", named(twice.id)))
}

/// A version that is assigned twice was decided on a state that lacked an event.
fn versions<const W: usize>(state: &State<W>) -> Option<String> {
    let mut numbered = (1..).zip(state.committed());
    let (want, found) = numbered.find(|(want, record)| *want != record.version)?;
    Some(format!(
        "{} is committed, expected version {want}",
        describe(found)
    ))
}

fn passed_over<const W: usize>(model: &Takeover<W>, state: &State<W>) -> Option<String> {
    let handled = &model.commands[..usize::from(state.offset)];
    let lost = handled
        .iter()
        .find(|id| state.committed().all(|record| record.id != **id))?;
    Some(format!("{} is skipped and has no outcome", named(*lost)))
}

/// An owner without an open transaction has exactly the committed state.
fn memory<const W: usize>(state: &State<W>) -> Option<String> {
    let slot = &state.slots[state.owner?];
    let Worker::Ready(memory) = &slot.worker else {
        return None;
    };
    let committed = state.committed().map(|record| record.id);
    let differs = slot.polls() && !slot.renamed && !committed.eq(memory.history.iter().copied());
    differs.then(|| "the owner's state differs from the committed records".to_owned())
}

/// Returns true if everything is decided, and an owner without an open transaction has that state.
pub(super) fn is_done<const W: usize>(model: &Takeover<W>, state: &State<W>) -> bool {
    let Some(slot) = state.owner.map(|owner| &state.slots[owner]) else {
        return false;
    };
    let Worker::Ready(memory) = &slot.worker else {
        return false;
    };
    let all = usize::from(memory.next) == model.commands.len();
    let has = |id: &Id| memory.history.contains(id);
    slot.polls() && all && model.commands.iter().all(has) && (!model.deadline || has(&DEADLINE))
}
