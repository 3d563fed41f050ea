//! Reads which partitions have no memory for new aggregates, at an interval. Handlers mark the
//! offsets that they commit, see [`factline_kafka::topics::capacity`]. Without an answer of the
//! brokers nothing is known, and everything is accepted.

use std::collections::BTreeSet;
use std::sync::Arc;

use factline_kafka::KafkaConfig;
use factline_kafka::topics::capacity::CapacityQueries;
use factline_service::Service;

use crate::edge::{Edge, Target};
use crate::readiness::{CHECK, pause};

/// Name of the task.
const TASK: &str = "capacity";

/// Starts to read the marks of those aggregate types that have commands for new aggregates.
pub(crate) fn watch(service: &Service, edge: &Arc<Edge>, kafka: &KafkaConfig) {
    for target in &edge.targets {
        if target.routes.iter().any(|route| route.creates(None)) {
            let queries = CapacityQueries::new(kafka, target.contract);
            service.spawn(TASK, read(service.clone(), Arc::clone(target), queries));
        }
    }
}

async fn read(
    service: Service,
    target: Arc<Target>,
    mut queries: CapacityQueries,
) -> anyhow::Result<()> {
    let aggregate = target.contract.aggregate;
    let mut known = BTreeSet::new();
    loop {
        let asked = service.shutdown.run_until_cancelled(queries.refusing());
        let refusing = match asked.await {
            None => return Ok(()),
            Some(Ok(refusing)) => refusing,
            Some(Err(error)) => {
                tracing::debug!(%error, aggregate, "cannot read the offsets of the handlers");
                BTreeSet::new()
            }
        };
        if refusing.is_empty() != known.is_empty() {
            let partitions = refusing.len();
            tracing::warn!(
                aggregate,
                partitions,
                "partitions without capacity have changed"
            );
        }
        target.capacity.set(&refusing);
        #[expect(clippy::cast_precision_loss, reason = "partitions are few")]
        metrics::gauge!("factline_partitions_without_capacity", "aggregate" => aggregate)
            .set(refusing.len() as f64);
        known = refusing;
        if pause(&service, CHECK).await {
            return Ok(());
        }
    }
}
