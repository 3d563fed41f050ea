//! Two small aggregates: a gate that people pass, and a counter that counts them.

use factline::avro::{Codec, Error};
use factline::{Aggregate, AggregateType, Contract, Decision, Messages, RecordSchema, Timestamp};
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

macro_rules! message {
    ($set:ident, $record:ident, $name:literal, $json:literal) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(crate) struct $record {
            /// Id of the counter.
            pub counter: String,
            pub amount: i64,
        }

        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $set(pub $record);

        impl Messages for $set {
            const RECORDS: &'static [RecordSchema] = &[RecordSchema {
                name: $name,
                json: $json,
            }];

            fn record(&self) -> &'static str {
                $name
            }

            fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
                codec.encode(&self.0)
            }

            fn decode(_: &str, codec: &Codec, datum: &[u8]) -> Result<Self, Error> {
                codec.decode(datum).map(Self)
            }
        }
    };
}

message!(
    GateCommand,
    Pass,
    "tally.Pass",
    r#"{"type":"record","name":"Pass","namespace":"tally","fields":[
        {"name":"counter","type":"string"},{"name":"amount","type":"long"}]}"#
);
message!(
    GateEvent,
    Passed,
    "tally.Passed",
    r#"{"type":"record","name":"Passed","namespace":"tally","fields":[
        {"name":"counter","type":"string"},{"name":"amount","type":"long"}]}"#
);
message!(
    CounterCommand,
    Count,
    "tally.Count",
    r#"{"type":"record","name":"Count","namespace":"tally","fields":[
        {"name":"counter","type":"string"},{"name":"amount","type":"long"}]}"#
);
message!(
    CounterEvent,
    Counted,
    "tally.Counted",
    r#"{"type":"record","name":"Counted","namespace":"tally","fields":[
        {"name":"counter","type":"string"},{"name":"amount","type":"long"}]}"#
);

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

    fn decide(&self, command: GateCommand, _: Timestamp) -> Result<Decision<GateEvent>, Negative> {
        let Pass { counter, amount } = command.0;
        Ok(Decision::event(GateEvent(Passed { counter, amount })))
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
        _: Timestamp,
    ) -> Result<Decision<CounterEvent>, Negative> {
        let Count { counter, amount } = command.0;
        if amount < 0 {
            return Err(Negative);
        }
        Ok(Decision::event(CounterEvent(Counted { counter, amount })))
    }

    fn evolve(self, _: &CounterEvent) -> Self {
        self
    }
}
