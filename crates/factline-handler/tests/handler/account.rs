//! Aggregate for tests: an account that accepts deposits, rejects withdrawals beyond its balance,
//! and has standing orders. A standing order is a deposit that the account makes by itself at its
//! deadline.

use chrono::TimeDelta;
use factline::{
    Aggregate, AggregateType, Conclusion, Context, Contract, Deadline, Decision, Timestamp,
};
use factline_testkit::messages;
use serde::{Deserialize, Serialize};

pub(crate) const ACCOUNT: Contract = *AccountType::CONTRACT;

pub(crate) struct AccountType;

impl AggregateType for AccountType {
    const NAME: &'static str = "ledger.account";
    const PARTITIONS: i32 = 4;
    type Command = Command;
    type Event = Event;
}

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

/// Standing order. With `open`, its operation runs until the deposit is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Schedule")]
pub(crate) struct Schedule {
    pub amount: i64,
    pub after_ms: i64,
    pub open: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Collect")]
pub(crate) struct Collect {}

/// End of a standing order whose operation is cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "CallOff")]
pub(crate) struct CallOff {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Scheduled")]
pub(crate) struct Scheduled {
    pub amount: i64,
    /// Microseconds since 1970.
    pub due: i64,
    pub open: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Deposited")]
pub(crate) struct Deposited {
    pub amount: i64,
    pub note: String,
}

messages! {
    pub(crate) enum Command {
        Deposit = "ledger.Deposit": r#"{"type":"record","name":"Deposit","namespace":"ledger",
            "fields":[{"name":"amount","type":"long"}]}"#,
        Withdraw = "ledger.Withdraw": r#"{"type":"record","name":"Withdraw","namespace":"ledger",
            "fields":[{"name":"amount","type":"long"}]}"#,
        Schedule = "ledger.Schedule": r#"{"type":"record","name":"Schedule","namespace":"ledger",
            "fields":[{"name":"amount","type":"long"},{"name":"after_ms","type":"long"},
            {"name":"open","type":"boolean"}]}"#,
        Collect = "ledger.Collect": r#"{"type":"record","name":"Collect","namespace":"ledger",
            "fields":[]}"#,
        CallOff = "ledger.CallOff": r#"{"type":"record","name":"CallOff","namespace":"ledger",
            "fields":[]}"#,
    }
}

messages! {
    pub(crate) enum Event {
        Deposited = "ledger.Deposited": r#"{"type":"record","name":"Deposited","namespace":"ledger",
            "fields":[{"name":"amount","type":"long"},
            {"name":"note","type":"string","default":""}]}"#,
        Scheduled = "ledger.Scheduled": r#"{"type":"record","name":"Scheduled","namespace":"ledger",
            "fields":[{"name":"amount","type":"long"},{"name":"due","type":"long"},
            {"name":"open","type":"boolean"}]}"#,
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    balance: i64,
    scheduled: Option<Scheduled>,
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

/// Amounts of deposits with which tests provoke failures of the host. One panics, the others lead
/// to events that are too large to write.
pub(crate) const PANICS: i64 = -1;
pub(crate) const TOO_LARGE_FOR_THE_HANDLER: i64 = -2;
pub(crate) const TOO_LARGE_FOR_THE_BROKER: i64 = -3;

impl Aggregate for Account {
    type Type = AccountType;
    type Rejection = Overdrawn;

    fn decide(&self, command: Command, context: &Context) -> Result<Decision<Event>, Overdrawn> {
        let noted = |amount, length: usize| {
            // Noise, so that compression cannot make the note small.
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
            Command::Deposit(Deposit { amount: PANICS }) => panic!("panic requested by the test"),
            Command::Deposit(Deposit {
                amount: TOO_LARGE_FOR_THE_HANDLER,
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
            Command::Schedule(_) if self.scheduled.is_some() => Ok(Decision::nothing()),
            Command::Schedule(Schedule {
                amount,
                after_ms,
                open,
            }) => {
                let due = (context.now() + TimeDelta::milliseconds(after_ms)).timestamp_micros();
                let scheduled = Decision::event(Event::Scheduled(Scheduled { amount, due, open }));
                Ok(if open { scheduled.running() } else { scheduled })
            }
            Command::CallOff(_) => match &self.scheduled {
                Some(Scheduled { amount, .. }) if *amount >= 0 => {
                    let called_off = Conclusion::cancelled("called_off", "as requested");
                    Ok(noted(0, 0)?.concluding(called_off))
                }
                _ => Err(Overdrawn {
                    balance: self.balance,
                }),
            },
            Command::Collect(_) => match &self.scheduled {
                None | Some(Scheduled { amount: 0, .. }) => Ok(Decision::nothing()),
                Some(Scheduled { amount: PANICS, .. }) => panic!("panic requested by the test"),
                Some(Scheduled { amount, open, .. }) => {
                    let collected = noted(*amount, 0)?;
                    Ok(if *open {
                        collected.concluding(Conclusion::rejected("collected", "as scheduled"))
                    } else {
                        collected
                    })
                }
            },
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::Deposited(deposited) => Self {
                balance: self.balance + deposited.amount,
                scheduled: None,
            },
            Event::Scheduled(scheduled) => Self {
                scheduled: Some(scheduled.clone()),
                ..self
            },
        }
    }

    fn deadline(&self) -> Option<Deadline<Command>> {
        let due = self.scheduled.as_ref()?.due;
        Some(Deadline::at(
            Timestamp::from_timestamp_micros(due)?,
            Command::Collect(Collect {}),
        ))
    }

    fn cancellation(&self) -> Option<Command> {
        Some(CallOff {}.into())
    }
}
