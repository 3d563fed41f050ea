//! Host of policies: turns an aggregate's facts into commands for other aggregates. Delivery is at
//! least once, and each command takes effect once.
//!
//! A policy is a [`subscription`](mod@crate::subscription) whose callback appends commands. All
//! replicas acknowledge the commands of a batch before the offsets of their facts are committed, so
//! no command is lost. A command that is appended twice has the same id, because the id derives
//! from the fact, and the command handler decides an id once. Within a batch, commands are sent in
//! the order of the facts. After a failure the whole batch is sent again. An aggregate may
//! therefore read an earlier command a second time and skip it.
//!
//! The host registers the command schemas of all targets before it processes the first fact. A
//! schema that the registry rejects ends the policy at once. Failures that no retry can fix park
//! the key of the fact, or what else [`Policy::POISON`] says:
//!
//! - a policy that panics
//! - a command for an aggregate type that is not a target
//! - a command that its schema cannot encode
//! - a command that is too large for the topic
//!
//! This crate contains no policies. Policies are pure code, see [`Policy`]. To host another policy,
//! [`provision()`] and [`run`] it, or add it to the list of a [`process`].

mod commands;
mod hosted;
pub mod process;
pub mod subscription;

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::{AggregateType as _, Delivery, Emit, EventOf, Fact, Policy, panic_message};
use tokio_util::sync::CancellationToken;

use crate::subscription::{Facts, Failure, Subscription};
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::readiness::Component;
use factline_kafka::retry::retry_until_stopped;
use factline_kafka::{records::registry, topics, topics::provision};

pub use crate::hosted::HostedPolicy;
pub use crate::subscription::Report;

use commands::{Command, Sender};

/// Reason why a policy cannot start, or ended unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command schemas of a target cannot be registered.
    #[error("policy {policy}: cannot register the command schemas of {aggregate}")]
    Target {
        /// Name of the policy.
        policy: &'static str,
        /// Aggregate type of the target.
        aggregate: &'static str,
        /// Failure of the registry.
        #[source]
        source: registry::Error,
    },
    /// The subscription failed.
    #[error(transparent)]
    Subscription(#[from] subscription::Error),
}

/// A policy panicked.
#[derive(Debug, thiserror::Error)]
#[error("policy {policy} panicked: {message}")]
struct Panicked {
    policy: &'static str,
    message: String,
}

/// Returns the subscription of a policy.
fn subscription_of<P: Policy>(kafka: &KafkaConfig) -> Subscription {
    Subscription {
        name: format!("policy {}", P::NAME),
        source: P::Source::CONTRACT,
        group: topics::policy_group(&kafka.topic_prefix, P::NAME),
        start: P::START,
        facts: Facts::EventsAndOutcomes,
        poison: P::POISON,
    }
}

/// Commits the first offsets of a policy's group if the group has none, see
/// [`Subscription::provision`].
pub async fn provision<P: Policy>(kafka: &KafkaConfig) -> Result<(), provision::Error> {
    subscription_of::<P>(kafka).provision(kafka).await
}

/// Runs a policy and sends its commands until `stop` is cancelled.
pub async fn run<P: Policy>(
    kafka: KafkaConfig,
    report: Report,
    stop: CancellationToken,
) -> Result<(), Error> {
    let subscription = subscription_of::<P>(&kafka);
    let component = Component::new(&subscription.name, &report);
    let mut sender = Sender::new(&kafka, P::NAME).map_err(subscription::Error::from)?;
    for target in P::TARGETS {
        let registered =
            retry_until_stopped(&component, &stop, registry::Error::is_transient, || {
                sender.register_schemas(target)
            });
        let registered = registered.await.map_err(|source| Error::Target {
            policy: P::NAME,
            aggregate: target.aggregate,
            source,
        })?;
        match registered {
            Some(schemas) => sender.add_target(target, schemas),
            None => return Ok(()),
        }
    }
    let handle = async move |facts: &[Fact<EventOf<P::Source>>],
                             deliveries: &[Option<Delivery>]| {
        let mut commands = Vec::new();
        for (place, (fact, delivery)) in facts.iter().zip(deliveries).enumerate() {
            for (number, emit) in react::<P>(place, fact)?.iter().enumerate() {
                let mut envelope = fact.emitted(P::NAME, P::Source::NAME, number, emit);
                envelope.delivery.clone_from(delivery);
                commands.push(Command::new(&sender, place, &envelope, emit)?);
            }
        }
        sender.send(&commands).await
    };
    Ok(subscription
        .run_numbered(kafka, handle, report, stop)
        .await?)
}

/// Calls the policy. The policy is code of an author outside this crate, so a panic must not end
/// the process.
fn react<P: Policy>(place: usize, fact: &Fact<EventOf<P::Source>>) -> Result<Vec<Emit>, Failure> {
    catch_unwind(AssertUnwindSafe(|| P::react(fact))).map_err(|panic| {
        let cause = Box::new(Panicked {
            policy: P::NAME,
            message: panic_message(&*panic),
        });
        Failure::Poison { fact: place, cause }
    })
}

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
