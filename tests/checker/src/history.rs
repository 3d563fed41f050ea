//! The history of a run: the requests and responses of the clients, and the records and rows
//! afterwards.
//!
//! The driver of the run fills [`History::requests`], [`History::observations`] and
//! [`History::reads`] while it lasts. The rest is read once the system is quiescent
//! (`harness::collect`). The history is plain data: a test can write one by hand.
//!
//! To hold more data, add a field here, its check in a module beside this one, and its corruption
//! in the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use factline::outcome::{Outcome, State};
use factline::{Envelope, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// A time of the run, counted from its start by one monotonic clock for all clients.
pub type Moment = Duration;

/// A run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Prefix of the topics.
    pub prefix: String,
    /// Every request that a client has sent, whatever its result. A retry is a separate request.
    pub requests: Vec<Request>,
    /// The clients' reads of operations during the run: at least the first terminal response to
    /// each client that waits.
    pub observations: Vec<Observation>,
    /// The clients' reads of views during the run.
    pub reads: Vec<Read>,
    /// Everything committed, by aggregate type such as `ordering.order`.
    pub logs: BTreeMap<String, Records>,
    /// The tracker's status of each operation at the end.
    pub tracker: BTreeMap<Uuid, Status>,
    /// The rows of the views at the end, by the view's name such as `orders`.
    pub views: BTreeMap<String, Rows>,
    /// The money that the payment provider has moved, by currency; none if it was not collected.
    pub provider: Option<BTreeMap<String, Moved>>,
}

/// A command as a client sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Number of the client.
    pub client: u32,
    /// Type of the target aggregate.
    pub aggregate: String,
    /// The aggregate's id, if the client named it or received it.
    pub id: Option<String>,
    /// Method and path as they were sent, such as `POST /orders/17/cancel`.
    pub route: String,
    /// The body.
    pub body: Value,
    /// `Idempotency-Key`, if there was one.
    pub idempotency_key: Option<String>,
    /// `Factline-Expected-Version`, if there was one.
    pub expected_version: Option<u64>,
    /// Time before the first byte was sent.
    pub start: Moment,
    /// Time after the response was read, or the request was abandoned.
    pub end: Moment,
    /// The response.
    pub answer: Answer,
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// 202: the operation must now reach its end.
    Accepted {
        /// The operation.
        operation: Uuid,
    },
    /// Any other response that is no fault of the service, such as 400: there is no command.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's type or code, if there was one.
        code: Option<String>,
    },
    /// No response, a broken one, or a 5xx: the command may or may not be in the log.
    Unknown,
}

/// One client's read of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Number of the client.
    pub client: u32,
    /// The operation.
    pub operation: Uuid,
    /// Time after the response was read.
    pub at: Moment,
    /// The response.
    pub status: Status,
}

/// The status of an operation, as the tracker shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Code of a refusal or failure.
    pub code: Option<String>,
    /// The aggregate's version.
    pub version: Option<i64>,
    /// The position that a read has to wait for.
    pub position: Option<String>,
}

/// A read of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Number of the client.
    pub client: u32,
    /// Type of the aggregate whose row it is.
    pub aggregate: String,
    /// The aggregate's id.
    pub id: String,
    /// `Factline-Position`, if one was sent.
    pub position: Option<String>,
    /// Time before the first byte was sent.
    pub start: Moment,
    /// Time after the response was read.
    pub end: Moment,
    /// The response.
    pub answer: Shown,
}

/// The response to a read.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// The row, as the read API shows it.
    Row(Value),
    /// 404.
    Missing,
    /// No response, or one that reports that the position is not reached.
    Unknown,
}

/// The committed records of one aggregate type's topics, each in the order of its partitions'
/// offsets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// Commands, decoded.
    pub commands: Vec<Logged<Value>>,
    /// Events, decoded.
    pub events: Vec<Logged<Value>>,
    /// The outcomes of the commands.
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
    /// The key, if it is valid UTF-8.
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
    /// Position of the command: `topic/partition@offset`.
    pub position: String,
    /// Reason of the failure.
    pub code: String,
}

/// Rows by the text of their key; each is the result of PostgreSQL's `to_jsonb`.
pub type Rows = BTreeMap<String, Value>;

/// Money in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Money captured.
    pub captured: i64,
    /// Money refunded.
    pub refunded: i64,
}

impl History {
    /// Returns the records of an aggregate type; none if they were not collected.
    pub fn log(&self, aggregate: &str) -> Option<&Records> {
        self.logs.get(aggregate)
    }
}

impl<T> Logged<T> {
    /// Returns the aggregate's id from the envelope.
    pub fn subject(&self) -> &str {
        self.envelope
            .as_ref()
            .map_or("unknown", |envelope| envelope.subject.as_str())
    }
}

impl Status {
    /// Returns the status of an operation that has this outcome.
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            state: outcome.state,
            code: outcome.code.clone(),
            version: outcome.version,
            position: outcome.position.clone(),
        }
    }
}
