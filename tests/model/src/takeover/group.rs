//! The consumer group: the assignment of the partition, the notification of workers, and processes
//! that start and end.
//!
//! The assignment is cooperative: a partition is assigned to another worker only after its owner
//! has revoked it, or after the owner's session has expired. A worker learns of either when it
//! polls; its client learns of a generation before that.

use super::Steps;
use super::action::Action;
use super::rule::Rule;
use super::state::{State, Worker};
use super::{Takeover, transaction};

pub(super) fn steps<const W: usize>(
    model: &Takeover<W>,
    state: &State<W>,
    next: &mut Steps<'_, W>,
) {
    if state.slots.iter().any(|slot| slot.current) {
        next.fault(Action::Rebalance, State::rebalance);
    }
    if let Some(owner) = state.owner.filter(|_| !state.revoking) {
        next.fault(Action::MovePartition(owner), |to| {
            to.revoking = true;
            to.rebalance();
        });
    }
    for who in 0..W {
        processes(state, who, next);
        membership(state, who, next);
        partition(model, state, who, next);
    }
}

fn processes<const W: usize>(state: &State<W>, who: usize, next: &mut Steps<'_, W>) {
    let slot = &state.slots[who];
    match slot.worker {
        Worker::Down => {
            // A process that has died may stay down, as long as another one runs.
            let others = state.slots.iter().any(|slot| slot.worker != Worker::Down);
            next.add(Action::Restart(who), others, |to| to.slots[who].end(true));
        }
        Worker::Starting if transaction::is_open(slot) => {
            next.step(Action::Init(who), |to| to.decide(who, false));
        }
        _ => {}
    }
    if slot.worker != Worker::Down {
        next.fault(Action::Crash(who), |to| to.slots[who].end(false));
    }
}

fn membership<const W: usize>(state: &State<W>, who: usize, next: &mut Steps<'_, W>) {
    let slot = &state.slots[who];
    let runs = !matches!(slot.worker, Worker::Down | Worker::Starting);
    if slot.member {
        next.add(
            Action::SessionEnds(who),
            slot.worker != Worker::Down,
            |to| {
                to.slots[who].member = false;
                if to.owner == Some(who) {
                    to.owner = None;
                    to.revoking = false;
                }
                to.rebalance();
            },
        );
        if state.owner.is_none() {
            next.step(Action::Assign(who), |to| {
                to.owner = Some(who);
                to.rebalance();
            });
        }
    }
    if !runs {
        return;
    }
    if slot.member && !slot.current {
        next.step(Action::Hear(who), |to| to.slots[who].current = true);
    }
    if !slot.member {
        let action = if slot.holds() {
            Action::JoinAgain(who)
        } else {
            Action::Join(who)
        };
        next.step(action, |to| {
            let slot = &mut to.slots[who];
            slot.member = true;
            slot.current = true;
            slot.renamed = slot.holds();
        });
    }
}

/// Adds the steps that a worker takes when it polls.
fn partition<const W: usize>(
    model: &Takeover<W>,
    state: &State<W>,
    who: usize,
    next: &mut Steps<'_, W>,
) {
    let slot = &state.slots[who];
    if !slot.polls() {
        return;
    }
    let is_owner = state.owner == Some(who) && slot.current;
    let drops = model.keeps(Rule::DropRevoked);
    if is_owner && state.revoking {
        next.step(Action::Revoke(who), |to| {
            if drops {
                to.slots[who].drop_partition();
            }
            to.owner = None;
            to.revoking = false;
            to.rebalance();
        });
    }
    if slot.holds() && (!slot.member || slot.renamed) && drops {
        next.step(Action::Lose(who), |to| to.slots[who].drop_partition());
    }
    if is_owner && !state.revoking && slot.worker == Worker::Idle {
        next.step(Action::Take(who), |to| {
            to.slots[who].worker = Worker::Restoring {
                start: None,
                end: None,
            };
        });
    }
}
