//! A sender's commands: each is decided once, although the handler remembers only those that the
//! sender may still repeat.
//!
//! The model covers `crates/factline-policy/src` (the numbers that a policy gives its commands) and
//! `crates/factline-handler/src/state/senders.rs`. A policy sends one command for each fact, to one
//! partition. Each command has the number of its fact, and the range of numbers that are settled:
//! their commands were acknowledged, and the group has committed the facts behind them. Two
//! instances may both assume that they own the facts. The producer may lose a record, repeat one
//! and append two in the wrong order, as it can after it has begun a new epoch. An operator may
//! move the group's offset over a fact and back again. The handler's restart is not a step: it
//! reads the same numbers back from the outcomes.

use std::fmt::{Display, Formatter, Result};

use crate::explore::{Model, Next};

/// Number of facts.
const FACTS: u8 = 2;
/// Maximum number of faults. Each of them may add a record to the log.
const FAULTS: u8 = 4;
/// Maximum number of commands of one instance that are sent and not acknowledged.
const IN_FLIGHT: usize = 2;

/// A rule of sender or handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Only what the group has committed is settled, not everything that was sent.
    SettleCommitted,
    /// The settled range begins where this run of the policy began.
    SettleFromStart,
    /// The handler remembers the commands that are not settled.
    RememberUnsettled,
    /// The handler takes only settled numbers for repeats, not all below the highest number.
    SettledOnly,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 4] = [
        Self::SettleCommitted,
        Self::SettleFromStart,
        Self::RememberUnsettled,
        Self::SettledOnly,
    ];

    /// Returns the name of a system without this rule.
    pub const fn left_out(self) -> &'static str {
        match self {
            Self::SettleCommitted => "settle-sent",
            Self::SettleFromStart => "settle-from-zero",
            Self::RememberUnsettled => "forget-unsettled",
            Self::SettledOnly => "highest-number",
        }
    }
}

/// A policy and a handler, and the rule that is left out.
#[derive(Debug, Clone, Copy)]
pub struct Deliveries {
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// A command in the log or on its way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sent {
    number: u8,
    /// The settled range.
    from: u8,
    to: u8,
}

/// An instance of the policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// The first fact of this run: everything from here on was handled without a gap.
    from: u8,
    /// The offset that it has read or written as the committed one.
    committed: u8,
    /// The next fact.
    next: u8,
    /// The commands that were acknowledged, of the facts after `committed`.
    acknowledged: Vec<u8>,
    in_flight: Vec<Sent>,
}

/// The group, the instances, the log and the handler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The group's committed offset, and the beginning of the run that committed it. An operator
    /// commits an offset without such a beginning.
    committed: (u8, Option<u8>),
    instances: [Option<Instance>; 2],
    /// The instance whose commits the group accepts.
    owner: usize,
    /// Commands of ended instances that may still arrive.
    stray: Vec<Sent>,
    /// The commands in the log that are not handled yet.
    log: Vec<Sent>,
    decided: Vec<u8>,
    /// The numbers that the handler remembers one by one.
    remembered: Vec<u8>,
    /// The numbers that the handler knows to be settled.
    settled: [bool; FACTS as usize],
    /// Facts over which an operator has moved the offset.
    skipped: [bool; FACTS as usize],
    faults: u8,
}

/// A step of the model.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the `Display` impl describes each")]
pub enum Action {
    Begin(usize, u8),
    Send(usize, Sent),
    Append(usize, Sent),
    AppendUnheard(usize, Sent),
    Lose(usize, Sent),
    SendAgain(usize, u8),
    Commit(usize, u8),
    Refuse(usize),
    Crash(usize),
    Arrive(Sent),
    Vanish(Sent),
    Move(u8, u8),
    Handle(Sent, bool),
}

impl Display for Sent {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let Self {
            number,
            from,
            to: end,
        } = self;
        write!(to, "command {number} (settled: {from}..{end})")
    }
}

impl Display for Action {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let name = |who: &usize| ["A", "B"][*who];
        match self {
            Self::Begin(who, at) => write!(to, "{} begins at fact {at}", name(who)),
            Self::Send(who, sent) => write!(to, "{} sends {sent}", name(who)),
            Self::Append(who, sent) => write!(to, "{sent} of {} is in the log", name(who)),
            Self::AppendUnheard(who, sent) => {
                write!(
                    to,
                    "{sent} is in the log, and {} does not learn of it",
                    name(who)
                )
            }
            Self::Lose(who, sent) => write!(to, "{sent} of {} is lost", name(who)),
            Self::SendAgain(who, at) => write!(to, "{} continues at fact {at} again", name(who)),
            Self::Commit(who, next) => write!(to, "{} commits offset {next}", name(who)),
            Self::Refuse(who) => write!(to, "the group refuses {}, which ends", name(who)),
            Self::Crash(who) => write!(to, "{} is killed", name(who)),
            Self::Arrive(sent) => write!(to, "{sent} arrives late"),
            Self::Vanish(sent) => write!(to, "{sent} never arrives"),
            Self::Move(from, at) => write!(to, "an operator moves the offset from {from} to {at}"),
            Self::Handle(sent, is_new) => {
                let does = if *is_new {
                    "decides"
                } else {
                    "drops the repeated"
                };
                write!(to, "the handler {does} {sent}")
            }
        }
    }
}

impl Deliveries {
    fn keeps(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// Returns the command of an instance's next fact.
    fn numbered(self, instance: &Instance) -> Sent {
        let is_committed = self.keeps(Rule::SettleCommitted);
        let is_from_start = self.keeps(Rule::SettleFromStart);
        Sent {
            number: instance.next,
            from: if is_from_start { instance.from } else { 0 },
            to: if is_committed {
                instance.committed
            } else {
                instance.next
            },
        }
    }

    fn is_repeat(self, state: &State, number: u8) -> bool {
        if !self.keeps(Rule::SettledOnly) {
            return state.decided.iter().any(|known| number <= *known);
        }
        state.settled[usize::from(number)] || state.remembered.contains(&number)
    }

    fn handle(self, to: &mut State, sent: Sent, is_new: bool) {
        to.log.remove(0);
        // A repeat has no outcome, so nothing is learned from it: a restart could not read it back.
        if !is_new {
            return;
        }
        to.decided.push(sent.number);
        to.decided.sort_unstable();
        if self.keeps(Rule::RememberUnsettled) {
            to.remembered.push(sent.number);
            to.remembered.sort_unstable();
        }
        for number in sent.from..sent.to {
            to.settled[usize::from(number)] = true;
        }
        let settled = to.settled;
        to.remembered
            .retain(|number| !settled[usize::from(*number)]);
    }

    fn of_instance(
        self,
        state: &State,
        who: usize,
        instance: &Instance,
        next: &mut Next<'_, State, Action>,
    ) {
        let change = |to: &mut State, change: &dyn Fn(&mut Instance)| {
            to.instances[who].as_mut().map(change);
        };
        if instance.next < FACTS && instance.in_flight.len() < IN_FLIGHT {
            let sent = self.numbered(instance);
            next.step(Action::Send(who, sent), |to| {
                change(to, &|instance| {
                    instance.in_flight.push(sent);
                    instance.next += 1;
                });
            });
        }
        for (place, sent) in instance.in_flight.iter().copied().enumerate() {
            // Only the first is appended, unless the order is lost: that is a fault.
            let first = place == 0;
            if first || state.faults < FAULTS {
                next.add(Action::Append(who, sent), !first, |to| {
                    to.faults += u8::from(!first);
                    to.log.push(sent);
                    change(to, &|instance| {
                        instance.in_flight.remove(place);
                        instance.acknowledged.push(sent.number);
                        instance.acknowledged.sort_unstable();
                        instance.acknowledged.dedup();
                    });
                });
            }
            if state.faults < FAULTS {
                next.fault(Action::AppendUnheard(who, sent), |to| {
                    to.faults += 1;
                    to.log.push(sent);
                    change(to, &|instance| {
                        instance.in_flight.remove(place);
                    });
                });
                next.fault(Action::Lose(who, sent), |to| {
                    to.faults += 1;
                    change(to, &|instance| {
                        instance.in_flight.remove(place);
                    });
                });
            }
        }
        let contiguous = (instance.committed..FACTS)
            .find(|number| !instance.acknowledged.contains(number))
            .unwrap_or(FACTS);
        // Something was not acknowledged: everything from there on is sent again.
        if instance.in_flight.is_empty() && contiguous < instance.next {
            next.step(Action::SendAgain(who, contiguous), |to| {
                change(to, &|instance| {
                    instance.next = contiguous;
                    instance.acknowledged.retain(|number| *number < contiguous);
                });
            });
        }
        if state.owner != who {
            next.step(Action::Refuse(who), |to| end(to, who));
        } else if contiguous > instance.committed {
            next.step(Action::Commit(who, contiguous), |to| {
                to.committed = (contiguous, Some(instance.from));
                change(to, &|instance| {
                    instance.committed = contiguous;
                    instance.acknowledged.retain(|number| *number >= contiguous);
                });
            });
        }
        if state.faults < FAULTS {
            next.fault(Action::Crash(who), |to| {
                to.faults += 1;
                end(to, who);
            });
        }
    }
}

/// Ends an instance. What it has sent may still arrive.
fn end(to: &mut State, who: usize) {
    if let Some(instance) = to.instances[who].take() {
        to.stray.extend(instance.in_flight);
        to.stray.sort_unstable();
    }
}

impl Model for Deliveries {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            committed: (0, None),
            instances: [None, None],
            owner: 0,
            stray: Vec::new(),
            log: Vec::new(),
            decided: Vec::new(),
            remembered: Vec::new(),
            settled: [false; FACTS as usize],
            skipped: [false; FACTS as usize],
            faults: 0,
        }
    }

    fn next(&self, state: &State, next: &mut Next<'_, State, Action>) {
        for (who, instance) in state.instances.iter().enumerate() {
            if let Some(instance) = instance {
                self.of_instance(state, who, instance, next);
                continue;
            }
            // A second instance begins only because of a fault: a stalled process, a rebalance.
            let is_first = state.instances.iter().all(Option::is_none);
            if is_first || state.faults < FAULTS {
                let (at, run) = state.committed;
                next.add(Action::Begin(who, at), !is_first, |to| {
                    to.faults += u8::from(!is_first);
                    to.owner = who;
                    to.instances[who] = Some(Instance {
                        from: run.unwrap_or(at),
                        committed: at,
                        next: at,
                        acknowledged: Vec::new(),
                        in_flight: Vec::new(),
                    });
                });
            }
        }
        for (place, sent) in state.stray.iter().copied().enumerate() {
            next.step(Action::Vanish(sent), |to| {
                to.stray.remove(place);
            });
            next.fault(Action::Arrive(sent), |to| {
                to.stray.remove(place);
                to.log.push(sent);
            });
        }
        // Kafka moves the offset of a group only while the group has no member.
        if state.instances.iter().all(Option::is_none) && state.faults < FAULTS {
            let at = state.committed.0;
            for to in [at.checked_sub(1), Some(at + 1)].into_iter().flatten() {
                if to <= FACTS {
                    next.fault(Action::Move(at, to), |state| {
                        state.faults += 1;
                        state.committed = (to, None);
                        state.skipped[usize::from(at.min(to))] = to > at;
                    });
                }
            }
        }
        if let Some(sent) = state.log.first().copied() {
            let is_new = !self.is_repeat(state, sent.number);
            next.step(Action::Handle(sent, is_new), |to| {
                self.handle(to, sent, is_new);
            });
        }
    }

    fn wrong(&self, state: &State) -> Option<String> {
        let decided = &state.decided;
        if let Some([twice, _]) = decided.array_windows().find(|[one, two]| one == two) {
            return Some(format!("command {twice} is decided twice"));
        }
        let lost = (0..FACTS).find(|number| {
            let is_skipped = state.skipped[usize::from(*number)];
            !is_skipped && !decided.contains(number)
        })?;
        let is_over = self.is_done(state);
        is_over.then(|| format!("command {lost} is committed and never decided"))
    }

    fn is_done(&self, state: &State) -> bool {
        let in_flight = state
            .instances
            .iter()
            .flatten()
            .map(|instance| instance.in_flight.len());
        state.committed.0 == FACTS && in_flight.sum::<usize>() == 0 && state.log.is_empty()
    }

    fn representative(&self, mut state: State) -> State {
        if state.instances[1] > state.instances[0] {
            state.instances.swap(0, 1);
            state.owner = 1 - state.owner;
        }
        state
    }
}
