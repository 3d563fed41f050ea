//! Readiness of the edge: the topics match the contracts, and the registry knows the schemas.
//!
//! A cause that can pass by itself, such as an unavailable server or a topic that is not created
//! yet, makes the process not ready. A cause that cannot, such as another partition count or an
//! incompatible schema, ends the process with an error that names it.

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
/// Interval between two checks of the brokers.
pub(crate) const CHECK: Duration = Duration::from_secs(5);
/// Time limit for a response of the brokers. A drain waits for it, so it is well below the drain's
/// limit.
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

/// Registers every command's schema. Retries until the registry is available.
async fn register(service: Service, edge: Arc<Edge>, registry: Registry) -> anyhow::Result<()> {
    for target in &edge.targets {
        loop {
            let commands = target.contract.commands;
            match registry.register_all(&target.topic, commands).await {
                Ok(schemas) => {
                    // This is the only place that sets it, and it does so once.
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

/// Checks every topic at an interval.
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

/// Checks all topics. The outer error is permanent; the inner error means not ready.
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
    let expected = target.partitions;
    match edge.appender.partitions(topic, PATIENCE) {
        Ok(Some(found)) => {
            // A command on another partition than the other commands of its aggregate would break
            // their order permanently.
            anyhow::ensure!(
                found == expected,
                "topic {topic} has {found} partitions, but its contract requires {expected}"
            );
            Ok(Ok(()))
        }
        Ok(None) => Ok(Err(format!(
            "topic {topic} does not exist; `command-handlers provision` creates it"
        ))),
        Err(error) => Ok(Err(format!("brokers are unavailable: {error}"))),
    }
}

/// Waits. Returns true if the process drains meanwhile.
pub(crate) async fn pause(service: &Service, time: Duration) -> bool {
    service
        .shutdown
        .run_until_cancelled(tokio::time::sleep(time))
        .await
        .is_none()
}
