//! From records to rows: what the host of `factline-postgres` calls for each batch.

use std::collections::HashMap;
use std::time::Duration;

use factline_kafka::{Record, Registry};
use factline_postgres::{Poison, Sink, SinkError};
use sqlx::PgConnection;

use crate::contracts::{Kind, Source};
use crate::fold::fold;
use crate::observation::Sighting;
use crate::store;

/// How long commands wait for their outcomes, to be written in one transaction: most are decided sooner. A request for an
/// operation that has no row yet waits as well, and so is told of its end at once.
const OUTCOME: Duration = Duration::from_millis(20);

/// Writes operations.
#[derive(Debug, Clone)]
pub struct OperationSink {
    sources: HashMap<String, Source>,
    registry: Registry,
}

/// A record of a topic that nobody asked for.
#[derive(Debug, thiserror::Error)]
#[error("topic {topic} holds neither commands nor outcomes of a known aggregate")]
pub struct ForeignTopic {
    topic: String,
}

impl OperationSink {
    /// Reads records of these topics.
    pub fn new(sources: impl IntoIterator<Item = Source>, registry: Registry) -> Self {
        let sources = sources
            .into_iter()
            .map(|source| (source.topic.clone(), source))
            .collect();
        Self { sources, registry }
    }

    async fn sight(&self, record: &Record) -> Result<Sighting, SinkError> {
        let Some(source) = self.sources.get(&record.topic) else {
            let topic = record.topic.clone();
            return Err(Poison::new(record, ForeignTopic { topic }).into());
        };
        match source.kind {
            Kind::Commands => Ok(Sighting::of_command(source.aggregate, record)),
            Kind::Outcomes => Sighting::of_outcome(&self.registry, source.aggregate, record)
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
        let mut sightings = Vec::with_capacity(records.len());
        for record in records {
            sightings.push(self.sight(record).await?);
        }
        store::write(transaction, &fold(sightings)).await?;
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
