//! A transaction: decide, send, flush, offsets, commit, adopt; and the coordinators' part in it.
//!
//! A sent record may arrive at any time. The offsets are checked when they arrive, against the
//! group's state at that time.

use super::action::Action;
use super::rule::Rule;
use super::state::{DEADLINE, Entry, Id, Memory, Record, Slot, State, Transaction, Worker};
use super::{Steps, Takeover};

pub(super) fn is_open(slot: &Slot) -> bool {
    slot.transaction.as_ref().is_some_and(Transaction::is_open)
}

pub(super) fn steps<const W: usize>(
    model: &Takeover<W>,
    state: &State<W>,
    who: usize,
    next: &mut Steps<'_, W>,
) {
    let slot = &state.slots[who];
    if let Some(transaction) = &slot.transaction {
        broker(state, who, transaction, next);
        if let (Worker::Ready(_), true) = (&slot.worker, transaction.is_open()) {
            worker(model, slot, who, transaction, next);
        }
    } else if let Worker::Ready(memory) = &slot.worker {
        match &slot.ahead {
            Some((records, offset)) => begin_next(who, records, *offset, next),
            None => begin(model, who, memory, next),
        }
    }
}

/// Adds the batch that was decided while the previous one was committed.
fn begin_next<const W: usize>(who: usize, records: &[Record], offset: u8, next: &mut Steps<'_, W>) {
    next.step(Action::BeginNext(who), |to| {
        let slot = &mut to.slots[who];
        slot.ahead = None;
        slot.transaction = Some(Transaction {
            records: records.to_vec(),
            appended: 0,
            next: Some(offset),
            offered: false,
            end: None,
        });
    });
}

/// Adds the decision of the next command on what the open transaction leads to.
fn decide_next<const W: usize>(
    model: &Takeover<W>,
    who: usize,
    memory: &Memory,
    transaction: &Transaction,
    next: &mut Steps<'_, W>,
) {
    let mut overlay = memory.clone();
    if model.keeps(Rule::AdoptAfterCommit) {
        let decided = transaction.records.iter().map(|record| record.id);
        overlay.history.extend(decided.clone());
        overlay.known.extend(decided);
    }
    let from = transaction.next.unwrap_or(memory.next);
    let Some(id) = model.commands.get(usize::from(from)) else {
        return;
    };
    let records = records_of(model, &mut overlay, &[*id]);
    let offset = from + 1;
    let action = Action::DecideNext(who, records.clone(), offset);
    next.step(action, |to| to.slots[who].ahead = Some((records, offset)));
}

/// Adds a batch of at least one command, or the deadline alone.
fn begin<const W: usize>(
    model: &Takeover<W>,
    who: usize,
    memory: &Memory,
    next: &mut Steps<'_, W>,
) {
    let from = usize::from(memory.next);
    let most = model.commands.len().min(from + model.batch);
    for end in from + 1..=most {
        let batch = &model.commands[from..end];
        let offset = u8::try_from(end).ok();
        decide(model, who, memory, (batch, offset), next);
    }
    let is_due = memory.history.contains(&model.commands[0]);
    if model.deadline && is_due && !memory.history.contains(&DEADLINE) {
        let offset = model.keeps(Rule::DeadlineOffsets).then_some(memory.next);
        decide(model, who, memory, (&[DEADLINE], offset), next);
    }
}

fn decide<const W: usize>(
    model: &Takeover<W>,
    who: usize,
    memory: &Memory,
    (batch, offset): (&[Id], Option<u8>),
    next: &mut Steps<'_, W>,
) {
    let mut overlay = memory.clone();
    let records = records_of(model, &mut overlay, batch);
    next.step(Action::Begin(who, records.clone(), offset), |to| {
        let slot = &mut to.slots[who];
        if !model.keeps(Rule::AdoptAfterCommit) {
            slot.worker = Worker::Ready(overlay);
        }
        slot.transaction = Some(Transaction {
            records,
            appended: 0,
            next: offset,
            offered: false,
            end: None,
        });
    });
}

/// Decides commands on an overlay.
fn records_of<const W: usize>(
    model: &Takeover<W>,
    overlay: &mut Memory,
    batch: &[Id],
) -> Vec<Record> {
    let mut records = Vec::new();
    for id in batch {
        if model.keeps(Rule::Dedupe) && overlay.known.contains(id) {
            continue;
        }
        overlay.history.push(*id);
        overlay.known.push(*id);
        let version = u8::try_from(overlay.history.len()).expect("few enough decisions");
        records.push(Record { id: *id, version });
    }
    records
}

/// Adds the worker's steps with its open transaction.
fn worker<const W: usize>(
    model: &Takeover<W>,
    slot: &Slot,
    who: usize,
    transaction: &Transaction,
    next: &mut Steps<'_, W>,
) {
    let flushed = transaction.appended == transaction.records.len();
    if !transaction.offered && (flushed || !model.keeps(Rule::Flush)) {
        let is_checked = transaction.next.is_some();
        let is_accepted = slot.member && slot.kept.unwrap_or(slot.current);
        if slot.renamed && model.keeps(Rule::SameMember) {
            next.step(Action::OtherMember(who), |to| {
                to.slots[who].end(true);
                to.decide(who, false);
            });
        } else if !is_checked || is_accepted {
            next.step(Action::Offer(who, transaction.next), |to| {
                let slot = &mut to.slots[who];
                if !model.keeps(Rule::FreshMetadata) {
                    slot.kept.get_or_insert(slot.current);
                }
                if let Some(transaction) = &mut slot.transaction {
                    transaction.offered = true;
                }
            });
        } else {
            next.step(Action::Refuse(who), |to| fail(model, to, who));
        }
    }
    // A client waits for its records before it commits.
    if transaction.offered && flushed {
        next.step(Action::Commit(who), |to| {
            adopt(model, &mut to.slots[who]);
            to.decide(who, true);
        });
    }
    next.fault(Action::GiveUp(who), |to| fail(model, to, who));
    if let (true, None, Worker::Ready(memory)) = (model.ahead, &slot.ahead, &slot.worker) {
        decide_next(model, who, memory, transaction, next);
    }
}

/// Aborts a transaction, and drops what was decided on it.
fn fail<const W: usize>(model: &Takeover<W>, to: &mut State<W>, who: usize) {
    to.decide(who, false);
    if model.keeps(Rule::DropNext) {
        to.slots[who].ahead = None;
    }
}

fn adopt<const W: usize>(model: &Takeover<W>, slot: &mut Slot) {
    let (Worker::Ready(memory), Some(transaction)) = (&mut slot.worker, &slot.transaction) else {
        return;
    };
    memory.next = transaction.next.unwrap_or(memory.next);
    if model.keeps(Rule::AdoptAfterCommit) {
        let decided = transaction.records.iter().map(|record| record.id);
        memory.history.extend(decided.clone());
        memory.known.extend(decided);
    }
}

/// Adds the brokers' steps with it, independent of the worker's fate.
fn broker<const W: usize>(
    state: &State<W>,
    who: usize,
    transaction: &Transaction,
    next: &mut Steps<'_, W>,
) {
    let Some(end) = transaction.end else {
        if let Some(record) = transaction.records.get(transaction.appended).copied() {
            next.step(Action::Append(who, record), |to| {
                let by = Some(who);
                to.log.push(Entry { record, by });
                if let Some(transaction) = &mut to.slots[who].transaction {
                    transaction.appended += 1;
                }
            });
        }
        let slot = &state.slots[who];
        let is_down = slot.worker == Worker::Down;
        let is_known = transaction.appended > 0 || transaction.is_pending();
        if is_down || (is_known && matches!(slot.worker, Worker::Ready(_))) {
            next.add(Action::TimeOut(who), !is_down, |to| {
                to.slots[who].end(!is_down);
                to.decide(who, false);
            });
        }
        return;
    };
    // Markers are written one after another, in any order.
    if end.log {
        next.step(Action::MarkLog(who, end.commit), |to| {
            mark_log(to, who, end.commit);
            marked(to, who, |end| end.log = false);
        });
    }
    if end.offsets {
        next.step(Action::MarkOffsets(who, end.commit), |to| {
            if end.commit {
                to.offset = transaction.next.unwrap_or(to.offset);
            }
            marked(to, who, |end| end.offsets = false);
        });
    }
}

fn marked<const W: usize>(to: &mut State<W>, who: usize, mark: impl Fn(&mut super::state::End)) {
    let transaction = to.slots[who].transaction.as_mut();
    if let Some(end) = transaction.and_then(|known| known.end.as_mut()) {
        mark(end);
    }
    to.forget_ended(who);
}

fn mark_log<const W: usize>(to: &mut State<W>, who: usize, commit: bool) {
    if commit {
        for entry in &mut to.log {
            if entry.by == Some(who) {
                entry.by = None;
            }
        }
        return;
    }
    for slot in &mut to.slots {
        if let Worker::Restoring { end: Some(end), .. } = &mut slot.worker {
            let below = &to.log[..*end];
            *end -= below.iter().filter(|entry| entry.by == Some(who)).count();
        }
    }
    to.log.retain(|entry| entry.by != Some(who));
}
