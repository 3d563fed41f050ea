//! When the edge may take commands: the topics are what the contracts say, and the registry knows the schemas.
//!
//! What waiting can mend (a server that is away, a topic not made yet) makes the process not ready; what it cannot
//! mend (another partition count, an incompatible schema) ends it with an error that names it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use factline_kafka::Registry;
use factline_service::Service;

use crate::edge::{Edge, Target};

/// Component names in `/health/ready`.
const KAFKA: &str = "kafka";
const REGISTRY: &str = "registry";

const RETRY: Duration = Duration::from_secs(1);
const CHECK: Duration = Duration::from_secs(5);
/// Time for an answer of the brokers; a drain waits for it, so it stays well below the drain's limit.
const PATIENCE: Duration = Duration::from_secs(3);

/// Starts both watches.
pub fn watch(service: &Service, edge: &Arc<Edge>, registry: Registry) {
    service.health.expect(KAFKA);
    service.health.expect(REGISTRY);
    service.spawn(
        REGISTRY,
        register(service.clone(), Arc::clone(edge), registry),
    );
    service.spawn(KAFKA, check_topics(service.clone(), Arc::clone(edge)));
}

/// Registers every command's schema, however long the registry takes to come.
async fn register(service: Service, edge: Arc<Edge>, registry: Registry) -> anyhow::Result<()> {
    for target in &edge.targets {
        loop {
            let commands = target.contract.commands;
            match registry.register_all(&target.topic, commands).await {
                Ok(schemas) => {
                    // Set once, here only.
                    let _ = target.schemas.set(schemas);
                    break;
                }
                Err(error) if error.is_transient() => {
                    service.health.set(REGISTRY, Err(error.to_string()));
                    if pause(&service, RETRY).await {
                        return Ok(());
                    }
                }
                Err(error) => {
                    let aggregate = target.contract.aggregate;
                    return Err(error).with_context(|| format!("commands of {aggregate}"));
                }
            }
        }
    }
    service.health.set(REGISTRY, Ok(()));
    Ok(())
}

/// Asks the brokers about every topic again and again.
async fn check_topics(service: Service, edge: Arc<Edge>) -> anyhow::Result<()> {
    loop {
        let asked = Arc::clone(&edge);
        let state = tokio::task::spawn_blocking(move || topics_state(&asked)).await??;
        let next = if state.is_ok() { CHECK } else { RETRY };
        service.health.set(KAFKA, state);
        if pause(&service, next).await {
            return Ok(());
        }
    }
}

/// Outer error: cannot be mended. Inner error: not ready.
fn topics_state(edge: &Edge) -> anyhow::Result<Result<(), String>> {
    for target in &edge.targets {
        if let Err(reason) = topic_state(edge, target)? {
            return Ok(Err(reason));
        }
    }
    Ok(Ok(()))
}

fn topic_state(edge: &Edge, target: &Target) -> anyhow::Result<Result<(), String>> {
    let topic = &target.topic;
    let expected = target.contract.partitions;
    match edge.appender.partitions(topic, PATIENCE) {
        Ok(Some(found)) => {
            // A command on another partition than its aggregate's others would break their order for ever.
            anyhow::ensure!(
                found == expected,
                "topic {topic} has {found} partitions, its contract says {expected}"
            );
            Ok(Ok(()))
        }
        Ok(None) => Ok(Err(format!(
            "topic {topic} does not exist; `command-handlers provision` makes it"
        ))),
        Err(error) => Ok(Err(format!("brokers do not answer: {error}"))),
    }
}

/// Waits; true if the process drains meanwhile.
async fn pause(service: &Service, time: Duration) -> bool {
    service
        .shutdown
        .run_until_cancelled(tokio::time::sleep(time))
        .await
        .is_none()
}
