//! The commands of an aggregate that led to no event, because they were refused or failed.

use std::collections::HashMap;

use anyhow::Result;
use factline::Outcome;
use factline::outcome::State;
use factline_kafka::records::decode;
use factline_kafka::{Record, Registry};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Commands, command};
use crate::render;

/// Outcomes of an aggregate, by the positions of their records.
pub(super) struct Outcomes {
    decoded: HashMap<String, Outcome>,
    names: HashMap<Uuid, String>,
}

impl Outcomes {
    /// Decodes outcomes. One that cannot be decoded is shown as such later.
    pub(super) async fn decode(registry: &Registry, records: &[Record]) -> Result<Self> {
        let (mut decoded, mut names) = (HashMap::new(), HashMap::new());
        for record in records {
            match decode::outcome(registry, record).await {
                Ok((_, outcome)) => {
                    names.insert(outcome.operation_id, outcome.name.clone());
                    decoded.insert(record.place(), outcome);
                }
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(Self { decoded, names })
    }

    /// Returns the name of an operation's command or deadline.
    pub(super) fn name(&self, operation: Uuid) -> Option<&str> {
        self.names.get(&operation).map(String::as_str)
    }

    /// Renders the outcome of a refused command; none if the command was not refused.
    pub(super) async fn refused(
        &self,
        registry: &Registry,
        record: &Record,
        commands: &Commands,
    ) -> Result<Option<Value>> {
        let outcome = self.decoded.get(&record.place());
        if outcome.is_some_and(|outcome| !is_refused(outcome.state)) {
            return Ok(None);
        }
        let mut line = render::record(registry, record).await?;
        line["refused"] = outcome
            .map_or("unknown", |outcome| outcome.state.as_str())
            .into();
        if let Some(outcome) = outcome {
            line["code"] = json!(outcome.code);
            line["reason"] = json!(outcome.reason);
            line["kind"] = outcome.kind.as_str().into();
            if outcome.reason.is_none()
                && let Value::Object(fields) = &mut line
            {
                fields.remove("reason");
            }
        }
        let operation = record.operation();
        line["command"] = command(registry, operation, commands, self).await?;
        Ok(Some(line))
    }
}

fn is_refused(state: State) -> bool {
    matches!(
        state,
        State::Rejected | State::Failed | State::TimedOut | State::Cancelled
    )
}
