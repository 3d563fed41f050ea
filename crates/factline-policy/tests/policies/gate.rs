//! Two small aggregates: a gate that people pass, and a counter that counts them.

use factline::{Aggregate, AggregateType, Context, Contract, Decision};
use factline_testkit::messages;
use serde::{Deserialize, Serialize};

pub(crate) const GATE: Contract = *GateType::CONTRACT;
pub(crate) const COUNTER: Contract = *CounterType::CONTRACT;

pub(crate) struct GateType;

impl AggregateType for GateType {
    const NAME: &'static str = "tally.gate";
    const PARTITIONS: i32 = 3;
    type Command = GateCommand;
    type Event = GateEvent;
}

pub(crate) struct CounterType;

impl AggregateType for CounterType {
    const NAME: &'static str = "tally.counter";
    const PARTITIONS: i32 = 2;
    type Command = CounterCommand;
    type Event = CounterEvent;
}

/// Declares a set of messages with one record.
macro_rules! message {
    ($set:ident, $record:ident, $name:literal) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(crate) struct $record {
            /// Id of the counter.
            pub counter: String,
            pub amount: i64,
        }

        messages! {
            pub(crate) enum $set {
                $record = $name: concat!(
                    r#"{"type":"record","namespace":"tally","name":""#,
                    stringify!($record),
                    r#"","fields":[{"name":"counter","type":"string"},
{"name":"amount","type":"long"}]}"#
                ),
            }
        }
    };
}

message!(GateCommand, Pass, "tally.Pass");
message!(GateEvent, Passed, "tally.Passed");
message!(CounterCommand, Count, "tally.Count");
message!(CounterEvent, Counted, "tally.Counted");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Gate;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Counter;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("cannot count a negative amount")]
pub(crate) struct Negative;

impl factline::Rejection for Negative {
    fn code(&self) -> &'static str {
        "negative"
    }
}

impl Aggregate for Gate {
    type Type = GateType;
    type Rejection = Negative;

    fn decide(&self, command: GateCommand, _: &Context) -> Result<Decision<GateEvent>, Negative> {
        let GateCommand::Pass(Pass { counter, amount }) = command;
        Ok(Decision::event(Passed { counter, amount }))
    }

    fn evolve(self, _: &GateEvent) -> Self {
        self
    }
}

impl Aggregate for Counter {
    type Type = CounterType;
    type Rejection = Negative;

    fn decide(
        &self,
        command: CounterCommand,
        _: &Context,
    ) -> Result<Decision<CounterEvent>, Negative> {
        let CounterCommand::Count(Count { counter, amount }) = command;
        if amount < 0 {
            return Err(Negative);
        }
        Ok(Decision::event(Counted { counter, amount }))
    }

    fn evolve(self, _: &CounterEvent) -> Self {
        self
    }
}
