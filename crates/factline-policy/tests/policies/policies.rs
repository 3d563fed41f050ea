//! The policies between the two.

use factline::policy::Start;
use factline::{Contract, Emit, Fact, Policy, RecordSchema};

use crate::gate::{
    COUNTER, Count, CounterCommand, CounterEvent, GATE, GateCommand, GateEvent, Pass,
};

/// Who passes with this amount makes the policy panic.
pub(crate) const PANICS: i64 = 13;
/// Who passes with this amount makes a command that no broker takes.
pub(crate) const TOO_LARGE: i64 = 14;
/// Who passes with this amount makes the policy ask somebody who is none of its targets.
pub(crate) const STRANGER: i64 = 15;
/// Who passes with this amount is counted twice, by two counters.
pub(crate) const TWICE: i64 = 2;
/// The pass that answers a refusal.
pub(crate) const REFUSED: i64 = 1000;

fn count(counter: impl Into<String>, amount: i64) -> Emit {
    let counter = counter.into();
    let count = Count {
        counter: counter.clone(),
        amount,
    };
    Emit::to::<CounterCommand>(&COUNTER, counter, CounterCommand(count)).of_process()
}

/// Whoever passes is counted.
pub(crate) struct CountPasses;

impl Policy for CountPasses {
    const NAME: &'static str = "tally.count-passes";
    const SOURCE: &'static Contract = &GATE;
    const TARGETS: &'static [&'static Contract] = &[&COUNTER];
    const START: Start = Start::Now;
    type Event = GateEvent;

    fn react(fact: &Fact<GateEvent>) -> Vec<Emit> {
        let Some(GateEvent(passed)) = fact.event() else {
            return Vec::new();
        };
        match passed.amount {
            PANICS => panic!("told to"),
            REFUSED => Vec::new(),
            TOO_LARGE => vec![count("x".repeat(1_500_000), 1)],
            STRANGER => {
                let pass = passed.counter.clone();
                let command = GateCommand(Pass {
                    counter: pass.clone(),
                    amount: 1,
                });
                vec![Emit::to::<GateCommand>(&GATE, pass, command)]
            }
            TWICE => vec![
                count(&passed.counter, 1),
                count(format!("{}-too", passed.counter), 1),
            ],
            amount => vec![count(&passed.counter, amount)],
        }
    }
}

/// The same under another name, from the beginning of the log.
pub(crate) struct CountFromTheBeginning;

impl Policy for CountFromTheBeginning {
    const NAME: &'static str = "tally.count-from-the-beginning";
    const SOURCE: &'static Contract = &GATE;
    const TARGETS: &'static [&'static Contract] = &[&COUNTER];
    const START: Start = Start::Beginning;
    type Event = GateEvent;

    fn react(fact: &Fact<GateEvent>) -> Vec<Emit> {
        CountPasses::react(fact)
    }
}

/// One whose idea of a counter's command is another than everybody's.
pub(crate) struct CountInWords;

/// The counter, with an amount that is a text.
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
    const SOURCE: &'static Contract = &GATE;
    const TARGETS: &'static [&'static Contract] = &[&GATE, &OF_WORDS];
    type Event = GateEvent;

    fn react(_: &Fact<GateEvent>) -> Vec<Emit> {
        Vec::new()
    }
}

/// The gate hears what was not counted.
pub(crate) struct TellRefusals;

impl Policy for TellRefusals {
    const NAME: &'static str = "tally.tell-refusals";
    const SOURCE: &'static Contract = &COUNTER;
    const TARGETS: &'static [&'static Contract] = &[&GATE];
    type Event = CounterEvent;

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
                vec![Emit::to::<GateCommand>(&GATE, gate, GateCommand(pass))]
            }
            _ => Vec::new(),
        }
    }
}
