//! A command in progress: accepted, then an operation, then ended.

use std::time::Duration;

use chrono::{DateTime, Utc};
use factline::outcome::{OutcomeKind, State};
use serde::{Deserialize, Deserializer, Serialize};

/// The acceptance of a command. Addresses are relative to the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The operation, such as `operations/7`.
    pub operation: String,
    /// The resource that the command addresses, such as `people/9`.
    pub resource: String,
    /// Address of the operation's status, to be used unchanged.
    pub location: String,
    /// The wait that the service suggests before the first poll.
    pub retry_after: Option<Duration>,
}

/// The status of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Opaque id.
    pub id: String,
    /// The origin of the operation: a request or a due deadline.
    #[serde(default = "nothing_said", deserialize_with = "kind")]
    pub kind: OutcomeKind,
    /// The command's type.
    pub name: String,
    /// The current state.
    #[serde(deserialize_with = "state")]
    pub state: State,
    /// None until the end; then true if the operation completed.
    pub success: Option<bool>,
    /// Stable code of a refusal or failure.
    pub code: Option<String>,
    /// Human-readable form of the code.
    pub reason: Option<String>,
    /// The resource that the command addresses, such as `people/9`.
    pub resource: Option<String>,
    /// The sender of the command.
    pub user_id: String,
    /// The resource's version after the command.
    pub version: Option<u64>,
    /// The position that a read has to wait for to see the end.
    pub position: Option<String>,
    /// The operation whose fact caused a policy to send this one.
    pub parent: Option<String>,
    /// The operation that began the workflow.
    pub root: Option<String>,
    /// The operation that this one repeats, when a dead letter was sent again.
    pub retry_of: Option<String>,
    /// The number of this attempt, 1 or more. Set on the requested operation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// The time after which the command is no longer wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// True if the operation should have ended by now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
    /// The states that the operation has reached, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Reached>,
    /// The steps of the workflow that it began, in their order. Set on the requested operation
    /// only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<WorkflowStep>,
    /// The operations that its workflow has sent so far, each with its own children.
    #[serde(default)]
    pub children: Vec<Operation>,
    /// True if the tree has more operations than the response shows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub children_truncated: bool,
    /// The time of acceptance, by the clock of the edge.
    pub created_at: DateTime<Utc>,
    /// The time at which the newest state was written, by the clock of the broker.
    pub updated_at: DateTime<Utc>,
}

/// A state that an operation has reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The state.
    #[serde(deserialize_with = "state")]
    pub state: State,
    /// The time at which its record was written, by the clock of the broker.
    pub at: DateTime<Utc>,
    /// The record, as `topic/partition@offset`.
    pub record: String,
    /// Stable code of a refusal or failure.
    pub code: Option<String>,
    /// Human-readable form of the code.
    pub reason: Option<String>,
}

/// A step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowStep {
    /// The type of its command.
    pub command: String,
    /// The newest operation of that command, if it was sent.
    pub operation: Option<String>,
    /// The state of that operation, or `remaining` or `skipped`.
    pub state: String,
}

impl Operation {
    /// Returns true if the operation has ended, with success or without.
    pub fn has_ended(&self) -> bool {
        self.success.is_some()
    }

    /// Returns the time from acceptance to the newest state, by the clocks of the services.
    pub fn took(&self) -> Duration {
        (self.updated_at - self.created_at)
            .to_std()
            .unwrap_or_default()
    }
}

/// Reads an unknown state as `Unknown`: a newer service may have more states, and `success` holds
/// the result.
fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = [
        State::Pending,
        State::Running,
        State::Completed,
        State::Rejected,
        State::Failed,
        State::TimedOut,
        State::Cancelled,
    ];
    let found = known.into_iter().find(|state| state.as_str() == name);
    Ok(found.unwrap_or(State::Unknown))
}

/// Reads an unknown kind as `Unknown`, as with states.
fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OutcomeKind, D::Error> {
    let name = String::deserialize(deserializer)?;
    let mut known = [OutcomeKind::Command, OutcomeKind::Deadline].into_iter();
    Ok(known
        .find(|kind| kind.as_str() == name)
        .unwrap_or_else(nothing_said))
}

fn nothing_said() -> OutcomeKind {
    OutcomeKind::Unknown
}
