//! What is known of a run: what clients did and were told, and what stands where afterwards.
//!
//! Whoever drives the run fills [`History::requests`], [`History::observations`] and [`History::reads`] while it lasts; the rest is
//! read once everything is at rest (`harness::collect`). It is data and nothing else: a test can write one by hand.
//!
//! To hold one more thing: a field here, its check in a module beside this one, its corruption in the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use factline::outcome::{Outcome, State};
use factline::{Envelope, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// A moment of the run, counted from its beginning by one monotonic clock for all clients.
pub type Moment = Duration;

/// A run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Prefix of the topics.
    pub prefix: String,
    /// Every request that a client has sent, whatever became of it. A try again is a request of its own.
    pub requests: Vec<Request>,
    /// What clients read of operations during the run: at least the first terminal answer to each client that waits.
    pub observations: Vec<Observation>,
    /// What clients read of views during the run.
    pub reads: Vec<Read>,
    /// Everything committed, by aggregate type such as `ordering.order`.
    pub logs: BTreeMap<String, Records>,
    /// What the tracker says of each operation at the end.
    pub tracker: BTreeMap<Uuid, Status>,
    /// The rows of the views at the end, by the view's name such as `orders`.
    pub views: BTreeMap<String, Rows>,
    /// What the payment provider has moved, by currency; none if it has not been asked.
    pub provider: Option<BTreeMap<String, Moved>>,
}

/// A command as a client has sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which client.
    pub client: u32,
    /// Type of the aggregate that it is addressed to.
    pub aggregate: String,
    /// The aggregate's id, if the client named it or was told it.
    pub id: Option<String>,
    /// Method and path as they were sent, such as `POST /orders/17/cancel`.
    pub route: String,
    /// The body.
    pub body: Value,
    /// `Idempotency-Key`, if it had one.
    pub idempotency_key: Option<String>,
    /// `Factline-Expected-Version`, if it had one.
    pub expected_version: Option<u64>,
    /// Before the first byte was sent.
    pub start: Moment,
    /// After the answer was read, or the request given up.
    pub end: Moment,
    /// What came back.
    pub answer: Answer,
}

/// What a client was told about its request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// 202: from now on the operation must come to its end.
    Accepted {
        /// The operation.
        operation: Uuid,
    },
    /// Any other answer that is no fault of the service, such as 400: there is no command.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's type or code, if it said one.
        code: Option<String>,
    },
    /// No answer, a broken one, or a 5xx: the command may be there or not.
    Unknown,
}

/// What somebody read of an operation, once.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Which client.
    pub client: u32,
    /// The operation.
    pub operation: Uuid,
    /// After the answer was read.
    pub at: Moment,
    /// The answer.
    pub status: Status,
}

/// Where an operation stands, as the tracker tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Code of a refusal or failure.
    pub code: Option<String>,
    /// The aggregate's version.
    pub version: Option<i64>,
    /// What a read has to wait for.
    pub position: Option<String>,
}

/// A read of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Which client.
    pub client: u32,
    /// Type of the aggregate whose row it is.
    pub aggregate: String,
    /// The aggregate's id.
    pub id: String,
    /// `Factline-Position`, if one was sent.
    pub position: Option<String>,
    /// Before the first byte was sent.
    pub start: Moment,
    /// After the answer was read.
    pub end: Moment,
    /// What came back.
    pub answer: Shown,
}

/// The answer to a read.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// The row, as the read API shows it.
    Row(Value),
    /// 404.
    Missing,
    /// No answer, or one that says that it cannot tell.
    Unknown,
}

/// The committed records of one aggregate type's topics, each in the order of its partitions' offsets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// Intentions, decoded.
    pub commands: Vec<Logged<Value>>,
    /// Facts, decoded.
    pub events: Vec<Logged<Value>>,
    /// What became of each command.
    pub outcomes: Vec<Logged<Outcome>>,
    /// Commands that could not be handled.
    pub dead_letters: Vec<Letter>,
}

/// A record.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged<T> {
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// The record's timestamp: of a command the broker's append time.
    pub timestamp: Timestamp,
    /// The key, if it is text.
    pub key: Option<String>,
    /// The operation that it belongs to, even where the envelope cannot be read.
    pub operation: Uuid,
    /// The envelope, if it can be read.
    pub envelope: Option<Envelope>,
    /// The value, if it can be read.
    pub value: Option<T>,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// The operation that failed.
    pub operation: Uuid,
    /// Where the command stands: `topic/partition@offset`.
    pub position: String,
    /// Why it failed.
    pub code: String,
}

/// Rows by their key's text; each as PostgreSQL's `to_jsonb` has it.
pub type Rows = BTreeMap<String, Value>;

/// Money in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Taken.
    pub captured: i64,
    /// Given back.
    pub refunded: i64,
}

impl History {
    /// The records of an aggregate type; none if nothing of it was collected.
    pub fn log(&self, aggregate: &str) -> Option<&Records> {
        self.logs.get(aggregate)
    }
}

impl<T> Logged<T> {
    /// The aggregate's id as the envelope has it.
    pub fn subject(&self) -> &str {
        self.envelope
            .as_ref()
            .map_or("unknown", |envelope| envelope.subject.as_str())
    }
}

impl Status {
    /// What an outcome makes of its operation.
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            state: outcome.state,
            code: outcome.code.clone(),
            version: outcome.version,
            position: outcome.position.clone(),
        }
    }
}
