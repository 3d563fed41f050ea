//! Made from the `.avsc` files beside this crate's manifest; do not edit.
//! `FACTLINE_WRITE_SCHEMAS=1 cargo test` writes it anew.
/// The state of an operation.
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

/// The kind of input that was decided.
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

/// The result of one command. Only the command handler writes it, in the transaction that writes the command's events.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct Outcome {
    /// The id of the operation, which is the id of the command.
    pub operation_id: uuid::Uuid,
    /// The kind of input: a command from a client or a policy, or a deadline that came due.
    #[serde(default = "default_outcome_kind")]
    pub kind: OutcomeKind,
    /// The type of the command, such as catalog.RenameProduct.
    pub name: String,
    /// The state that the operation reached; all states except unknown, pending and running are terminal.
    pub state: OperationState,
    /// Stable code of a rejection, failure or timeout.
    #[serde(default = "default_outcome_code")]
    pub code: Option<String>,
    /// Human-readable form of the code.
    #[serde(default = "default_outcome_reason")]
    pub reason: Option<String>,
    /// The id of the aggregate that the command was addressed to.
    #[serde(default = "default_outcome_resource")]
    pub resource: Option<String>,
    /// The sender of the command.
    #[serde(default = "default_outcome_actor")]
    pub actor: String,
    /// The version of the aggregate after the decision; null if it has none.
    #[serde(default = "default_outcome_version")]
    pub version: Option<i64>,
    /// The position that a read has to wait for to include everything that the decision was based on and wrote.
    #[serde(default = "default_outcome_position")]
    pub position: Option<String>,
    /// The operation whose workflow sent this command.
    #[serde(default = "default_outcome_parent")]
    pub parent: Option<uuid::Uuid>,
    /// The operation that this one repeats.
    #[serde(default = "default_outcome_retry_of")]
    pub retry_of: Option<uuid::Uuid>,
    /// The time at which the command API accepted the command, or at which the event happened that a policy reacted to.
    pub created_at: i64,
    /// The time of the command: the broker's append time. It never decreases within a partition.
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
