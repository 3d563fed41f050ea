//! The steps of a workflow: which commands its process sends on the way to success, and what has
//! become of each.
//!
//! The steps come from the file of the process's aggregate, under `workflows`. They are compared
//! with the operations that the workflow has led to. So this module knows nothing of how a process
//! decides: a workflow that compensates is recognized by the commands that its file lists for that.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use factline::Contract;
use factline::outcome::OutcomeKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use uuid::Uuid;

use crate::states::{STATES, one_of};
use crate::store::{Found, Operation};

/// The name of the schema of a step.
pub(crate) const STEP: &str = "WorkflowStep";

/// The state of a step whose command will be sent if all goes well.
const REMAINING: &str = "remaining";

/// The state of a step whose command was not sent and will not be.
const SKIPPED: &str = "skipped";

/// The workflows of all contracts, by the command that begins them. Cheap to clone: each request
/// has one.
#[derive(Debug, Clone, Default)]
pub struct Workflows(Arc<HashMap<String, Workflow>>);

#[derive(Debug, Clone, Deserialize)]
struct Workflow {
    command: String,
    steps: Vec<String>,
    #[serde(default)]
    compensation: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    workflows: Vec<Workflow>,
}

/// A step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkflowStep<'a> {
    /// The type of its command.
    command: &'a str,
    /// The newest operation of that command; null until the process has sent it.
    #[schema(required)]
    operation: Option<Uuid>,
    /// The state of that operation. Without one, the step is `remaining` while the workflow may
    /// reach it, and `skipped` once it cannot.
    #[schema(schema_with = step_state)]
    state: &'a str,
}

impl Workflows {
    /// Reads the workflows from the files of the aggregates.
    ///
    /// # Errors
    /// When a file is not JSON, or a workflow or a step has a command of no contract. The error
    /// names it.
    pub fn read(contracts: &[&'static Contract]) -> anyhow::Result<Self> {
        let known = |name: &str| {
            let mut commands = contracts.iter().flat_map(|contract| contract.commands);
            commands.any(|record| record.name == name)
        };
        let mut workflows = HashMap::new();
        for contract in contracts.iter().filter(|one| !one.routes.is_empty()) {
            let file: File = serde_json::from_str(contract.routes)
                .with_context(|| format!("cannot read the workflows of {}", contract.aggregate))?;
            for workflow in file.workflows {
                let steps = workflow.steps.iter().chain(&workflow.compensation);
                for command in std::iter::once(&workflow.command).chain(steps) {
                    ensure!(
                        known(command),
                        "workflow {} of {}: {command} is a command of no contract that is served",
                        workflow.command,
                        contract.aggregate
                    );
                }
                workflows.insert(workflow.command.clone(), workflow);
            }
        }
        Ok(Self(Arc::new(workflows)))
    }

    /// Returns the steps of an operation, in their order, or none if it began no workflow that has
    /// any.
    pub(crate) fn steps<'a>(&'a self, found: &'a Found) -> Option<Vec<WorkflowStep<'a>>> {
        let operation = &found.operation;
        let workflow = self.0.get(&operation.name)?;
        // A command that ended at once, because it was refused or repeated, began nothing.
        if operation.state != "running" && operation.steps.running().is_none() {
            return None;
        }
        let sent = |name: &str| -> Option<&'a Operation> {
            let mut newest_first = found.related.iter().rev();
            newest_first.find(|one| {
                one.name == name
                    && one.kind == OutcomeKind::Command.as_str()
                    && one.root == Some(operation.id)
            })
        };
        let goes_on = !operation.has_ended()
            && workflow
                .compensation
                .iter()
                .all(|name| sent(name).is_none());
        let step = |name: &'a String| match sent(name) {
            Some(operation) => WorkflowStep {
                command: name,
                operation: Some(operation.id),
                state: &operation.state,
            },
            None => WorkflowStep {
                command: name,
                operation: None,
                state: if goes_on { REMAINING } else { SKIPPED },
            },
        };
        Some(workflow.steps.iter().map(step).collect())
    }
}

/// Returns the schema of a step's state.
fn step_state() -> Object {
    let states = STATES.iter().map(|state| state.as_str());
    one_of(&states.chain([REMAINING, SKIPPED]).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
