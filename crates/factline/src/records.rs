//! Made from the `.avsc` files beside this crate's manifest; do not edit.
//! `FACTLINE_WRITE_SCHEMAS=1 cargo test` writes it anew.
/// Where an operation stands.
#[derive(
    Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone, Copy, serde::Deserialize, serde::Serialize,
)]
pub enum OperationState {
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "running")]
    Running,
    #[serde(rename = "completed")]
    Completed,
    #[serde(rename = "rejected")]
    Rejected,
    #[serde(rename = "failed")]
    Failed,
    #[serde(rename = "timed_out")]
    TimedOut,
    #[serde(rename = "cancelled")]
    Cancelled,
}

/// What was decided.
#[derive(
    Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone, Copy, serde::Deserialize, serde::Serialize,
)]
pub enum OutcomeKind {
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "command")]
    Command,
    #[serde(rename = "deadline")]
    Deadline,
}

/// What became of one command. Written by the command handler only, in the transaction that writes the command's events.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct Outcome {
    /// The operation, which is the command's id.
    pub operation_id: uuid::Uuid,
    /// A client's or policy's command, or a deadline that came due.
    #[serde(default = "default_outcome_kind")]
    pub kind: OutcomeKind,
    /// The command's type, such as catalog.RenameProduct.
    pub name: String,
    /// The state reached; all but pending and running are terminal.
    pub state: OperationState,
    /// Stable code of a refusal or failure.
    #[serde(default = "default_outcome_code")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(default = "default_outcome_reason")]
    pub reason: Option<String>,
    /// Aggregate id that the command was addressed to.
    #[serde(default = "default_outcome_resource")]
    pub resource: Option<String>,
    /// Who sent the command.
    #[serde(default = "default_outcome_actor")]
    pub actor: String,
    /// The aggregate's version after the decision; null if it has none.
    #[serde(default = "default_outcome_version")]
    pub version: Option<i64>,
    /// Position that a read has to wait for to see what the decision saw.
    #[serde(default = "default_outcome_position")]
    pub position: Option<String>,
    /// The operation whose workflow sent this command.
    #[serde(default = "default_outcome_parent")]
    pub parent: Option<uuid::Uuid>,
    /// The operation that this one repeats.
    #[serde(default = "default_outcome_retry_of")]
    pub retry_of: Option<uuid::Uuid>,
    /// When the edge accepted the command, by the edge's clock.
    pub created_at: i64,
    /// The command's time: the broker's append time, never running backwards in its partition.
    pub decided_at: i64,
}

#[inline(always)]
fn default_outcome_kind() -> OutcomeKind {
    OutcomeKind::Command
}

#[inline(always)]
fn default_outcome_code() -> Option<String> {
    None
}

#[inline(always)]
fn default_outcome_reason() -> Option<String> {
    None
}

#[inline(always)]
fn default_outcome_resource() -> Option<String> {
    None
}

#[inline(always)]
fn default_outcome_actor() -> String {
    "anonymous".to_owned()
}

#[inline(always)]
fn default_outcome_version() -> Option<i64> {
    None
}

#[inline(always)]
fn default_outcome_position() -> Option<String> {
    None
}

#[inline(always)]
fn default_outcome_parent() -> Option<uuid::Uuid> {
    None
}

#[inline(always)]
fn default_outcome_retry_of() -> Option<uuid::Uuid> {
    None
}
