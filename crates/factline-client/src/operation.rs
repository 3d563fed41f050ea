//! A command on its way: accepted, then an operation, then ended.

use std::time::Duration;

use chrono::{DateTime, Utc};
use factline::outcome::{OutcomeKind, State};
use serde::{Deserialize, Deserializer, Serialize};

/// A command that was taken. Addresses are relative to the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The operation, such as `operations/7`.
    pub operation: String,
    /// What the command is about, such as `people/9`.
    pub resource: String,
    /// Where to ask what became of the command: to be used as it is.
    pub location: String,
    /// After how long the service suggests to ask.
    pub retry_after: Option<Duration>,
}

/// What is known of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id, opaque.
    pub id: String,
    /// Whether somebody asked for it, or a deadline came due.
    #[serde(default = "nothing_said", deserialize_with = "kind")]
    pub kind: OutcomeKind,
    /// The command's type.
    pub name: String,
    /// Where it stands.
    #[serde(deserialize_with = "state")]
    pub state: State,
    /// None until the end, then whether it is completed.
    pub success: Option<bool>,
    /// Stable code of a refusal or failure.
    pub code: Option<String>,
    /// The same for people.
    pub reason: Option<String>,
    /// What the command is about, such as `people/9`.
    pub resource: Option<String>,
    /// Who asked.
    pub user_id: String,
    /// The resource's version after the command.
    pub version: Option<u64>,
    /// What a read has to wait for to see the end.
    pub position: Option<String>,
    /// The operation to whose fact a workflow reacted with this one.
    pub parent: Option<String>,
    /// The operation that began the workflow.
    pub root: Option<String>,
    /// The operation that this one repeats, when a dead letter was sent again.
    pub retry_of: Option<String>,
    /// What its workflow has sent so far, each with its own children.
    #[serde(default)]
    pub children: Vec<Operation>,
    /// Whether there is more below the operation that was asked for than is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub children_truncated: bool,
    /// When it was accepted, by the clock of the edge.
    pub created_at: DateTime<Utc>,
    /// When its newest state was written, by the clock of the broker.
    pub updated_at: DateTime<Utc>,
}

impl Operation {
    /// Whether it has ended, well or not.
    pub fn has_ended(&self) -> bool {
        self.success.is_some()
    }

    /// From accepted to the newest state, by the clocks of the services.
    pub fn took(&self) -> Duration {
        (self.updated_at - self.created_at)
            .to_std()
            .unwrap_or_default()
    }
}

/// A state that came up after this client was built is no reason to fail: `success` says what matters.
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

/// As with states.
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
