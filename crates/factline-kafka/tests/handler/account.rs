//! An aggregate to test with: an account that takes deposits and refuses to be overdrawn.

use factline::avro::{Codec, Error};
use factline::{Aggregate, Contract, Decision, Messages, RecordSchema, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) const ACCOUNT: Contract = Contract {
    aggregate: "ledger.account",
    partitions: 4,
    commands: Command::RECORDS,
    events: Event::RECORDS,
    routes: "{}",
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Deposit")]
pub(crate) struct Deposit {
    pub amount: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Withdraw")]
pub(crate) struct Withdraw {
    pub amount: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Deposited")]
pub(crate) struct Deposited {
    pub amount: i64,
    pub note: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    Deposit(Deposit),
    Withdraw(Withdraw),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Deposited(Deposited),
}

impl Messages for Command {
    const RECORDS: &'static [RecordSchema] = &[
        RecordSchema {
            name: "ledger.Deposit",
            json: r#"{"type":"record","name":"Deposit","namespace":"ledger","fields":[{"name":"amount","type":"long"}]}"#,
        },
        RecordSchema {
            name: "ledger.Withdraw",
            json: r#"{"type":"record","name":"Withdraw","namespace":"ledger","fields":[{"name":"amount","type":"long"}]}"#,
        },
    ];

    fn record(&self) -> &'static str {
        match self {
            Self::Deposit(_) => "ledger.Deposit",
            Self::Withdraw(_) => "ledger.Withdraw",
        }
    }

    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        match self {
            Self::Deposit(record) => codec.encode(record),
            Self::Withdraw(record) => codec.encode(record),
        }
    }

    fn decode(record: &str, codec: &Codec, datum: &[u8]) -> Result<Self, Error> {
        match record {
            "ledger.Deposit" => codec.decode(datum).map(Self::Deposit),
            "ledger.Withdraw" => codec.decode(datum).map(Self::Withdraw),
            _ => Err(Error::UnknownRecord {
                record: record.to_owned(),
            }),
        }
    }
}

impl Messages for Event {
    const RECORDS: &'static [RecordSchema] = &[RecordSchema {
        name: "ledger.Deposited",
        json: r#"{"type":"record","name":"Deposited","namespace":"ledger","fields":[
            {"name":"amount","type":"long"},{"name":"note","type":"string","default":""}]}"#,
    }];

    fn record(&self) -> &'static str {
        "ledger.Deposited"
    }

    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error> {
        let Self::Deposited(record) = self;
        codec.encode(record)
    }

    fn decode(record: &str, codec: &Codec, datum: &[u8]) -> Result<Self, Error> {
        match record {
            "ledger.Deposited" => codec.decode(datum).map(Self::Deposited),
            _ => Err(Error::UnknownRecord {
                record: record.to_owned(),
            }),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    balance: i64,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the balance is {balance}")]
pub(crate) struct Overdrawn {
    balance: i64,
}

impl factline::Rejection for Overdrawn {
    fn code(&self) -> &'static str {
        "overdrawn"
    }
}

/// Deposits of these amounts are for tests of the host: one panics, the others make events too large to write.
pub(crate) const PANICS: i64 = -1;
pub(crate) const TOO_LARGE_FOR_US: i64 = -2;
pub(crate) const TOO_LARGE_FOR_THE_BROKER: i64 = -3;

impl Aggregate for Account {
    const TYPE: &'static str = "ledger.account";
    type Command = Command;
    type Event = Event;
    type Rejection = Overdrawn;

    fn decide(&self, command: Command, _now: Timestamp) -> Result<Decision<Event>, Overdrawn> {
        let noted = |amount, length: usize| {
            // Noise, so that compression does not make it small.
            let noise = std::iter::successors(Some(1_u32), |x| {
                Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
            });
            let note = noise
                .take(length)
                .map(|x| char::from(b'!' + u8::try_from(x >> 26).unwrap()))
                .collect();
            Ok(Decision::event(Event::Deposited(Deposited {
                amount,
                note,
            })))
        };
        match command {
            Command::Deposit(Deposit { amount: PANICS }) => panic!("told to"),
            Command::Deposit(Deposit {
                amount: TOO_LARGE_FOR_US,
            }) => noted(0, 2_100_000),
            Command::Deposit(Deposit {
                amount: TOO_LARGE_FOR_THE_BROKER,
            }) => noted(0, 300_000),
            Command::Deposit(Deposit { amount: 0 }) => Ok(Decision::nothing()),
            Command::Deposit(Deposit { amount }) => noted(amount, 0),
            Command::Withdraw(Withdraw { amount }) if amount <= self.balance => noted(-amount, 0),
            Command::Withdraw(_) => Err(Overdrawn {
                balance: self.balance,
            }),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        let Event::Deposited(deposited) = event;
        Self {
            balance: self.balance + deposited.amount,
        }
    }
}

impl From<Deposit> for Command {
    fn from(command: Deposit) -> Self {
        Self::Deposit(command)
    }
}

impl From<Withdraw> for Command {
    fn from(command: Withdraw) -> Self {
        Self::Withdraw(command)
    }
}
