//! Asks the payment provider for what payment's events want.
//!
//! It follows `payment.payment`'s events and asks the provider at least once for each charge and each refund, under an
//! idempotency key that is the event's id: so the provider does it once. It waits for no end: the provider tells that
//! later, by a webhook that is a command at the edge. Nothing is kept here but the group's offsets.
//!
//! - [`request`]: which event asks for what
//! - [`provider`]: asking, and what an answer means
//! - [`effect`]: a batch of events, as the reaction hands them in
//!
//! It decides nothing about payments, and no decision waits for it. Another provider is another module beside
//! [`provider`]; another event that asks for something is an arm in [`request`].

pub mod effect;
pub mod provider;
pub mod request;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use factline::policy::Start;
use factline_client::Client;
use factline_kafka::KafkaConfig;
use factline_policy::subscription::{Facts, Subscription};
use factline_service::{Service, ServiceConfig};
use payment_schemas::PAYMENT;

use crate::effect::Effect;
use crate::provider::Provider;

/// Its name in readiness and metrics, and in its group.
const NAME: &str = "payment-sender";

/// How long one command to the store is tried before the batch is tried again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the payment provider for each charge and refund that payment's events want, at least once
#[derive(Debug, clap::Parser)]
#[command(version, after_help = EXAMPLE)]
pub struct Config {
    /// What every process has.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Where the events are.
    #[command(flatten)]
    pub kafka: KafkaConfig,
    /// The payment provider: asked for charges and refunds
    #[arg(long, env = "FACTLINE_PAYMENT_SIMULATOR_URL")]
    pub payment_simulator_url: String,
    /// The store as the provider reaches it: where webhooks go, and payments that the provider refuses at once
    #[arg(long, env = "FACTLINE_GATEWAY_URL")]
    pub gateway_url: String,
    /// What to do instead of sending.
    #[command(subcommand)]
    pub job: Option<Job>,
}

/// Jobs that end.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Job {
    /// Commit the first offsets of its group, then end; after `command-handlers provision`
    Provision,
}

const EXAMPLE: &str = "\
Example:
  payment-sender --gateway-url http://127.0.0.1:8080 --payment-simulator-url http://127.0.0.1:8108 provision
  payment-sender --listen 127.0.0.1:8107 --gateway-url http://127.0.0.1:8080 \\
    --payment-simulator-url http://127.0.0.1:8108";

/// Does the job, or sends until the process drains.
pub async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let reaction = reaction(&config.kafka);
    if let Some(Job::Provision) = config.job {
        let provisioned = reaction.provision(&config.kafka).await;
        return provisioned.context("cannot commit first offsets");
    }
    let effect = Arc::new(Effect {
        provider: Provider::new(&config.payment_simulator_url, &config.gateway_url)
            .context("cannot make an http client")?,
        store: Client::new(&config.gateway_url, PATIENCE)?,
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
    service.serve(axum::Router::new()).await
}

/// Who follows what. A payment that was asked for before the first start is still asked for.
pub fn reaction(kafka: &KafkaConfig) -> Subscription {
    Subscription {
        name: NAME.to_owned(),
        source: &PAYMENT,
        group: format!("{}reaction.{NAME}", kafka.topic_prefix),
        start: Start::Beginning,
        facts: Facts::Events,
    }
}
