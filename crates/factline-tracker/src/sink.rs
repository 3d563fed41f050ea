//! Writes records as rows. The host of `factline-postgres` calls it for each batch.

use std::collections::HashMap;
use std::time::Duration;

use factline_kafka::{Record, Registry};
use factline_postgres::{Poison, Sink, SinkError};
use sqlx::PgConnection;

use crate::batch;
use crate::contracts::{Kind, Source};
use crate::fold::fold;
use crate::observation::StatusUpdate;

/// Maximum time that commands wait for their outcomes, to be written in the same transaction. Most
/// commands are decided sooner. A request for an operation that has no row yet waits as well, and
/// so its first response can contain the outcome.
const OUTCOME: Duration = Duration::from_millis(20);

/// A sink that writes operations.
#[derive(Debug, Clone)]
pub struct OperationSink {
    sources: HashMap<String, Source>,
    registry: Registry,
}

/// A record of a topic that is not one of the sources.
#[derive(Debug, thiserror::Error)]
#[error("topic {topic} holds neither commands nor outcomes of a known aggregate")]
pub struct ForeignTopic {
    topic: String,
}

impl OperationSink {
    /// Creates a sink for records of these topics.
    pub fn new(sources: impl IntoIterator<Item = Source>, registry: Registry) -> Self {
        let sources = sources
            .into_iter()
            .map(|source| (source.topic.clone(), source))
            .collect();
        Self { sources, registry }
    }

    async fn observe(&self, record: &Record) -> Result<StatusUpdate, SinkError> {
        let Some(source) = self.sources.get(&record.topic) else {
            let topic = record.topic.clone();
            return Err(Poison::new(record, ForeignTopic { topic }).into());
        };
        match source.kind {
            Kind::Commands => Ok(StatusUpdate::of_command(source.aggregate, record)),
            Kind::Outcomes => StatusUpdate::of_outcome(&self.registry, source.aggregate, record)
                .await
                .map_err(|error| {
                    if error.is_transient() {
                        SinkError::Unavailable(error.into())
                    } else {
                        Poison::new(record, error).into()
                    }
                }),
        }
    }
}

impl Sink for OperationSink {
    async fn write(
        &mut self,
        transaction: &mut PgConnection,
        records: &[Record],
    ) -> Result<(), SinkError> {
        let mut updates = Vec::with_capacity(records.len());
        for record in records {
            updates.push(self.observe(record).await?);
        }
        batch::write(transaction, &fold(updates)).await?;
        Ok(())
    }

    fn patience(&self, records: &[Record]) -> Duration {
        let is_outcome = |record: &Record| {
            let source = self.sources.get(&record.topic);
            source.is_none_or(|source| source.kind == Kind::Outcomes)
        };
        if records.iter().any(is_outcome) {
            Duration::ZERO
        } else {
            OUTCOME
        }
    }
}
