//! The host of policies: from an aggregate's facts to commands for others, at least once, and once in effect.
//!
//! A policy is a [`reaction`](mod@crate::subscription) whose effect is to append commands. All of a batch are acknowledged by all
//! replicas before the offsets of their facts are committed, so none is lost; one that is appended twice has the same id,
//! which derives from the fact, and its handler decides an id once. Within a batch commands are sent in the order of the
//! facts; after a failure all are sent again, so an aggregate may see an earlier one a second time and pass it over.
//!
//! The schemas of everything that its targets take are registered before its first fact: one that the registry refuses
//! ends it at once. What never passes later stops the partition of the fact: a policy that panics, one that asks
//! somebody who is none of its targets, a command that its schema does not hold, one that is too large for the topic.
//!
//! It is not the place of policies: those are pure, see [`Policy`]. To host one more, [`provision()`] and [`run`] it.

mod commands;
pub mod subscription;

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::{Emit, Fact, Policy, panic_message};
use tokio_util::sync::CancellationToken;

use crate::subscription::{Facts, Failure, Subscription};
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::retry::patiently;
use factline_kafka::{records::registry, topics, topics::provision};

pub use crate::subscription::Report;

use commands::{Command, Sender};

/// Why a policy cannot begin, or ended when it should not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Commands for one of its targets cannot be written.
    #[error("policy {policy} cannot ask {aggregate}")]
    Target {
        /// Name of the policy.
        policy: &'static str,
        /// The target.
        aggregate: &'static str,
        /// Why.
        #[source]
        source: registry::Error,
    },
    /// As with any reaction.
    #[error(transparent)]
    Subscription(#[from] subscription::Error),
}

/// A policy has panicked.
#[derive(Debug, thiserror::Error)]
#[error("policy {policy} panicked: {message}")]
struct Panicked {
    policy: &'static str,
    message: String,
}

/// The reaction that a policy is.
fn subscription_of<P: Policy>(kafka: &KafkaConfig) -> Subscription {
    Subscription {
        name: format!("policy {}", P::NAME),
        source: P::SOURCE,
        group: topics::policy_group(&kafka.topic_prefix, P::NAME),
        start: P::START,
        facts: Facts::EventsAndOutcomes,
    }
}

/// Commits the first offsets of a policy's group, if it has none yet, see [`Subscription::provision`].
pub async fn provision<P: Policy>(kafka: &KafkaConfig) -> Result<(), provision::Error> {
    subscription_of::<P>(kafka).provision(kafka).await
}

/// Sends what a policy asks for, until `stop` is cancelled.
pub async fn run<P: Policy>(
    kafka: KafkaConfig,
    report: Report,
    stop: CancellationToken,
) -> Result<(), Error> {
    let subscription = subscription_of::<P>(&kafka);
    let mut sender = Sender::new(&kafka, P::NAME).map_err(subscription::Error::from)?;
    for target in P::TARGETS {
        let known = patiently(
            (&subscription.name, &report),
            &stop,
            registry::Error::is_transient,
            || sender.learn(target),
        );
        let known = known.await.map_err(|source| Error::Target {
            policy: P::NAME,
            aggregate: target.aggregate,
            source,
        })?;
        match known {
            Some(schemas) => sender.take(target, schemas),
            None => return Ok(()),
        }
    }
    let effect = async move |facts: &[Fact<P::Event>]| {
        let mut commands = Vec::new();
        for (place, fact) in facts.iter().enumerate() {
            for (number, emit) in react::<P>(place, fact)?.iter().enumerate() {
                let envelope = fact.emitted(P::NAME, P::SOURCE.aggregate, number, emit);
                commands.push(Command::new(&sender, place, &envelope, emit)?);
            }
        }
        sender.send(&commands).await
    };
    Ok(subscription.run(kafka, effect, report, stop).await?)
}

/// What the policy asks for. It is the author's code: a panic must not take the process with it.
fn react<P: Policy>(place: usize, fact: &Fact<P::Event>) -> Result<Vec<Emit>, Failure> {
    catch_unwind(AssertUnwindSafe(|| P::react(fact))).map_err(|panic| {
        let cause = Box::new(Panicked {
            policy: P::NAME,
            message: panic_message(&*panic),
        });
        Failure::Poison { fact: place, cause }
    })
}
