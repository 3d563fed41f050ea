//! A policy as data, for processes that serve a list of policies.

use std::future::Future;
use std::pin::Pin;

use factline::Policy;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::topics::provision;
use tokio_util::sync::CancellationToken;

use crate::{Error, Report};

/// A policy, with its functions.
#[derive(Debug, Clone, Copy)]
pub struct HostedPolicy {
    /// Stable name.
    pub name: &'static str,
    provision: fn(KafkaConfig) -> Running<provision::Error>,
    run: fn(KafkaConfig, Report, CancellationToken) -> Running<Error>,
}

type Running<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

impl HostedPolicy {
    /// Returns the entry of a policy.
    pub fn of<P: Policy>() -> Self {
        Self {
            name: P::NAME,
            provision: |kafka| Box::pin(async move { crate::provision::<P>(&kafka).await }),
            run: |kafka, report, stop| Box::pin(crate::run::<P>(kafka, report, stop)),
        }
    }

    /// Commits the policy's first offsets, like [`provision`](crate::provision()).
    pub async fn provision(&self, kafka: KafkaConfig) -> Result<(), provision::Error> {
        (self.provision)(kafka).await
    }

    /// Runs the policy until shutdown, like [`run`](crate::run).
    pub async fn run(
        &self,
        kafka: KafkaConfig,
        report: Report,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        (self.run)(kafka, report, stop).await
    }
}
