//! Sends the payment provider the requests of payment's events.
//!
//! It follows the events of `payment.payment` and requests each charge and each refund at least
//! once. The idempotency key is the event's id, so the provider executes each once. The sender does
//! not wait for the result: the provider reports it later by a webhook, which is a command at the
//! edge. The sender stores nothing except the group's offsets.
//!
//! - [`request`]: the request for each event
//! - [`provider`]: the call, and the meaning of the response
//! - [`circuit`]: tells a provider that fails from a payment that fails
//! - [`effect`]: the handling of a batch of events
//!
//! It makes no decision about payments, and no decision waits for it. To add a provider, add a
//! module beside [`provider`]. To add an event that requires a request, add an arm in [`request`].

pub mod circuit;
pub mod effect;
pub mod provider;
pub mod request;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use factline::PoisonPolicy;
use factline::policy::Start;
use factline_client::Client;
use factline_kafka::KafkaConfig;
use factline_policy::subscription::{Facts, Subscription};
use factline_service::{Service, ServiceConfig};
use payment_schemas::PAYMENT;

use crate::effect::Effect;
use crate::provider::Provider;

/// Name in readiness and metrics, and in the consumer group.
const NAME: &str = "payment-sender";

/// Time for which one command to the store is retried before the batch is retried.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests each charge and refund of payment's events from the payment provider, at least once
#[derive(Debug, clap::Parser)]
#[command(version, after_help = EXAMPLE)]
pub struct Config {
    /// Options of every process.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Connection to Kafka.
    #[command(flatten)]
    pub kafka: KafkaConfig,
    /// URL of the payment provider for charges and refunds
    #[arg(long, env = "FACTLINE_PAYMENT_SIMULATOR_URL")]
    pub payment_simulator_url: String,
    /// URL of the store: target of the provider's webhooks and of reports about refused payments
    #[arg(long, env = "FACTLINE_GATEWAY_URL")]
    pub gateway_url: String,
    /// Job to run instead of sending.
    #[command(subcommand)]
    pub job: Option<Job>,
}

/// Jobs that end.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Job {
    /// Commit the first offsets of its group, then end; run it after `command-handlers provision`
    Provision,
}

const EXAMPLE: &str = "\
Example:
  payment-sender --gateway-url http://127.0.0.1:8080 --payment-simulator-url http://127.0.0.1:8108 provision
  payment-sender --listen 127.0.0.1:8107 --gateway-url http://127.0.0.1:8080 \\
    --payment-simulator-url http://127.0.0.1:8108";

/// Runs the job, or sends until the process drains.
pub async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let reaction = reaction(&config.kafka);
    if let Some(Job::Provision) = config.job {
        let provisioned = reaction.provision(&config.kafka).await;
        return provisioned.context("cannot commit first offsets");
    }
    let effect = Arc::new(Effect {
        provider: Provider::new(&config.payment_simulator_url, &config.gateway_url)
            .context("cannot create an HTTP client")?,
        store: Client::new(&config.gateway_url, PATIENCE)?,
        circuit: Arc::default(),
    });
    service.health.expect(NAME);
    let health = service.health.clone();
    let following = reaction.run(
        config.kafka,
        async move |facts: &[_]| effect.carry_out(facts).await,
        Arc::new(move |name: &str, state| health.set(name, state)),
        service.shutdown.clone(),
    );
    service.spawn(NAME, async move { Ok(following.await?) });
    service.serve_without_routes().await
}

/// Returns the subscription. It includes payments that were requested before the first start.
pub fn reaction(kafka: &KafkaConfig) -> Subscription {
    Subscription {
        name: NAME.to_owned(),
        source: &PAYMENT,
        group: format!("{}reaction.{NAME}", kafka.topic_prefix),
        start: Start::Beginning,
        facts: Facts::Events,
        poison: PoisonPolicy::Park,
    }
}
