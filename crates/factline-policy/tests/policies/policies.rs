//! Policies between the gate and the counter.

use std::sync::atomic::{AtomicBool, Ordering};

use factline::policy::Start;
use factline::{Contract, Emit, Fact, PoisonPolicy, Policy, RecordSchema};

use crate::gate::{
    COUNTER, Count, CounterEvent, CounterType, GATE, GateCommand, GateEvent, GateType, Pass,
};

/// Amount of a pass that makes the policy panic.
pub(crate) const PANICS: i64 = 13;
/// Amount of a pass that leads to a command which is too large for every broker.
pub(crate) const TOO_LARGE: i64 = 14;
/// Amount of a pass for which the policy sends a command to an aggregate type that is not a target.
pub(crate) const UNDECLARED_TARGET: i64 = 15;
/// Amount of a pass that two counters count.
pub(crate) const TWICE: i64 = 2;
/// Amount of the pass with which the gate records a rejection.
pub(crate) const REFUSED: i64 = 1000;

fn count(counter: impl Into<String>, amount: i64) -> Emit {
    let counter = counter.into();
    let count = Count {
        counter: counter.clone(),
        amount,
    };
    Emit::to::<CounterType>(counter, count).of_process()
}

/// Counts every pass.
pub(crate) struct CountPasses;

impl Policy for CountPasses {
    const NAME: &'static str = "tally.count-passes";
    const TARGETS: &'static [&'static Contract] = &[&COUNTER];
    const START: Start = Start::Now;
    const POISON: PoisonPolicy = PoisonPolicy::Halt;
    type Source = GateType;

    fn react(fact: &Fact<GateEvent>) -> Vec<Emit> {
        let Some(GateEvent::Passed(passed)) = fact.event() else {
            return Vec::new();
        };
        match passed.amount {
            PANICS => panic!("panic requested by the test"),
            REFUSED => Vec::new(),
            TOO_LARGE => vec![count("x".repeat(1_500_000), 1)],
            UNDECLARED_TARGET => {
                let pass = passed.counter.clone();
                let command = GateCommand::Pass(Pass {
                    counter: pass.clone(),
                    amount: 1,
                });
                vec![Emit::to::<GateType>(pass, command)]
            }
            TWICE => vec![
                count(&passed.counter, 1),
                count(format!("{}-too", passed.counter), 1),
            ],
            amount => vec![count(&passed.counter, amount)],
        }
    }
}

/// The same policy with another name and [`Start::Beginning`].
pub(crate) struct CountFromTheBeginning;

impl Policy for CountFromTheBeginning {
    const NAME: &'static str = "tally.count-from-the-beginning";
    const TARGETS: &'static [&'static Contract] = &[&COUNTER];
    const START: Start = Start::Beginning;
    type Source = GateType;

    fn react(fact: &Fact<GateEvent>) -> Vec<Emit> {
        CountPasses::react(fact)
    }
}

/// Set once the defect of [`CountAndPark`] is mended.
pub(crate) static MENDED: AtomicBool = AtomicBool::new(false);

/// The same policy, which parks keys. It does not panic once it is mended.
pub(crate) struct CountAndPark;

impl Policy for CountAndPark {
    const NAME: &'static str = "tally.count-and-park";
    const TARGETS: &'static [&'static Contract] = &[&COUNTER];
    type Source = GateType;

    fn react(fact: &Fact<GateEvent>) -> Vec<Emit> {
        match fact.event() {
            Some(GateEvent::Passed(passed))
                if passed.amount == PANICS && MENDED.load(Ordering::SeqCst) =>
            {
                vec![count(&passed.counter, PANICS)]
            }
            _ => CountPasses::react(fact),
        }
    }
}

/// The same policy, which skips what it cannot handle.
pub(crate) struct CountAndSkip;

impl Policy for CountAndSkip {
    const NAME: &'static str = "tally.count-and-skip";
    const TARGETS: &'static [&'static Contract] = &[&COUNTER];
    const POISON: PoisonPolicy = PoisonPolicy::Skip;
    type Source = GateType;

    fn react(fact: &Fact<GateEvent>) -> Vec<Emit> {
        CountPasses::react(fact)
    }
}

/// Policy whose schema of the counter's command is incompatible with the registered one.
pub(crate) struct CountInWords;

/// Contract of the counter in which `amount` is a string.
const OF_WORDS: Contract = Contract {
    commands: &[RecordSchema {
        name: "tally.Count",
        json: r#"{"type":"record","name":"Count","namespace":"tally","fields":[
            {"name":"counter","type":"string"},{"name":"amount","type":"string"}]}"#,
    }],
    ..COUNTER
};

impl Policy for CountInWords {
    const NAME: &'static str = "tally.count-in-words";
    const TARGETS: &'static [&'static Contract] = &[&GATE, &OF_WORDS];
    type Source = GateType;

    fn react(_: &Fact<GateEvent>) -> Vec<Emit> {
        Vec::new()
    }
}

/// Sends rejected counts back to the gate.
pub(crate) struct ReportRefusals;

impl Policy for ReportRefusals {
    const NAME: &'static str = "tally.report-refusals";
    const TARGETS: &'static [&'static Contract] = &[&GATE];
    type Source = CounterType;

    fn react(fact: &Fact<CounterEvent>) -> Vec<Emit> {
        let refused = |code: &str| {
            fact.outcome()
                .is_some_and(|it| it.code.as_deref() == Some(code))
        };
        match fact.process("tally.gate") {
            Some(gate) if refused("negative") => {
                let counter = fact.subject().to_owned();
                let pass = Pass {
                    counter,
                    amount: REFUSED,
                };
                vec![Emit::to::<GateType>(gate, pass)]
            }
            _ => Vec::new(),
        }
    }
}
