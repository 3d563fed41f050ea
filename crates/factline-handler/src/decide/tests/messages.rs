//! The commands and events of the counter.

use std::borrow::Cow;

use factline::avro::{Codec, Error};
use factline::{Messages, RecordSchema};
use serde::{Deserialize, Serialize};

/// One step of the rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// Adds the amount.
    #[default]
    Add,
    /// Adds the amount with each of three events.
    AddThrice,
    /// Has no effect.
    Nothing,
    Reject,
    /// Panics in `decide`.
    Panic,
    /// Panics in `evolve`.
    PanicLater,
    /// Yields two events, and the encoding of the second panics.
    PanicInEncoding,
    /// Yields an event that is larger than a record may be.
    Flood,
    /// Yields an event that the contract lacks.
    Unlisted,
    /// Begins a workflow with an event.
    Begin,
    BeginWithoutEvent,
    /// Ends the workflow with an event.
    End,
    EndWithoutEvent,
    /// Adds the amount, and notes who asks.
    Who,
    /// Adds the amount, and notes how late it is decided.
    HowLate,
    /// Is a command that names another aggregate.
    OtherId,
    /// Yields two events, and the second one names another aggregate.
    OtherIdLater,
    /// Ends the workflow as cancelled.
    CallOff,
}

/// Returns the schema of a record that begins with these fields.
macro_rules! schema {
    ($name:literal, $more:literal) => {
        concat!(
            r#"{"type":"record","namespace":"test","name":""#,
            $name,
            r#"","fields":[{"name":"step","type":{"type":"enum","name":"Step","symbols":["Add",
            "AddThrice","Nothing","Reject","Panic","PanicLater","PanicInEncoding","Flood","Unlisted",
            "Begin","BeginWithoutEvent","End","EndWithoutEvent","Who","HowLate","OtherId","OtherIdLater","CallOff"]}},{"name":"amount","type":"long"},
            {"name":"due","type":"long"},{"name":"at_due","type":"Step"},{"name":"at_cancel","type":"Step"}"#,
            $more,
            "]}"
        )
    };
}

/// The command. It sets a deadline if `due` is not 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Take {
    pub(super) step: Step,
    pub(super) amount: i64,
    /// Milliseconds since 1970.
    pub(super) due: i64,
    /// The step of the deadline.
    pub(super) at_due: Step,
    /// The step of a cancel. There is none if it is to add.
    pub(super) at_cancel: Step,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Taken {
    pub(super) step: Step,
    pub(super) amount: i64,
    pub(super) due: i64,
    pub(super) at_due: Step,
    pub(super) at_cancel: Step,
    pub(super) note: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    Taken(Taken),
    Unlisted,
}

impl Messages for Take {
    const RECORDS: &'static [RecordSchema] = &[RecordSchema {
        name: "test.Take",
        json: schema!("Take", ""),
    }];

    fn record(&self) -> &'static str {
        "test.Take"
    }

    fn aggregate_id(&self) -> Option<Cow<'_, str>> {
        (self.step == Step::OtherId).then_some("other".into())
    }

    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        codec.encode(self)
    }

    fn decode(_: &str, codec: &Codec, datum: &[u8]) -> Result<Self, Error> {
        codec.decode(datum)
    }
}

impl Messages for Event {
    const RECORDS: &'static [RecordSchema] = &[RecordSchema {
        name: "test.Taken",
        json: schema!("Taken", r#",{"name":"note","type":"string"}"#),
    }];

    fn record(&self) -> &'static str {
        match self {
            Self::Taken(_) => "test.Taken",
            Self::Unlisted => "test.Unlisted",
        }
    }

    fn aggregate_id(&self) -> Option<Cow<'_, str>> {
        let is_other = matches!(self, Self::Taken(taken) if taken.step == Step::OtherIdLater);
        is_other.then_some("other".into())
    }

    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        match self {
            Self::Taken(Taken {
                step: Step::PanicInEncoding,
                ..
            }) => panic!("panic requested by the test"),
            Self::Taken(taken) => codec.encode(taken),
            Self::Unlisted => unreachable!("the contract has no codec of this event"),
        }
    }

    fn decode(_: &str, codec: &Codec, datum: &[u8]) -> Result<Self, Error> {
        codec.decode(datum).map(Self::Taken)
    }
}
