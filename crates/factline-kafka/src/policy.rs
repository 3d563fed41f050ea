//! The host of policies: from an aggregate's facts to commands for others, at least once, and once in effect.
//!
//! A policy is a [`reaction`](mod@crate::reaction) whose effect is to append commands. All of a batch are acknowledged by all
//! replicas before the offsets of their facts are committed, so none is lost; one that is appended twice has the same id,
//! which derives from the fact, and its handler decides an id once. Within a batch commands are sent in the order of the
//! facts; after a failure all are sent again, so an aggregate may see an earlier one a second time and pass it over.
//!
//! The schemas of everything that its targets take are registered before its first fact: one that the registry refuses
//! ends it at once. What never passes later stops the partition of the fact: a policy that panics, one that asks
//! somebody who is none of its targets, a command that its schema does not hold, one that is too large for the topic.
//!
//! It is not the place of policies: those are pure, see [`Policy`]. To host one more, [`provision()`] and [`run`] it.

mod sending;

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::{Emit, Fact, Policy};
use tokio_util::sync::CancellationToken;

use crate::config::KafkaConfig;
use crate::reaction::{self, Facts, Failure, Reaction};
use crate::starting::patiently;
use crate::{provision, registry, topics};

pub use crate::reaction::Report;

use sending::{Command, Sender};

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
    Reaction(#[from] reaction::Error),
}

/// A policy has panicked.
#[derive(Debug, thiserror::Error)]
#[error("policy {policy} panicked: {message}")]
struct Panicked {
    policy: &'static str,
    message: String,
}

/// The reaction that a policy is.
fn reaction<P: Policy>(kafka: &KafkaConfig) -> Reaction {
    Reaction {
        name: format!("policy {}", P::NAME),
        source: P::SOURCE,
        group: topics::policy_group(&kafka.topic_prefix, P::NAME),
        start: P::START,
        facts: Facts::EventsAndOutcomes,
    }
}

/// Commits the first offsets of a policy's group, if it has none yet, see [`Reaction::provision`].
pub async fn provision<P: Policy>(kafka: &KafkaConfig) -> Result<(), provision::Error> {
    reaction::<P>(kafka).provision(kafka).await
}

/// Sends what a policy asks for, until `stop` is cancelled.
pub async fn run<P: Policy>(
    kafka: KafkaConfig,
    report: Report,
    stop: CancellationToken,
) -> Result<(), Error> {
    let reaction = reaction::<P>(&kafka);
    let mut sender = Sender::new(&kafka, P::NAME).map_err(reaction::Error::from)?;
    for target in P::TARGETS {
        let known = patiently(
            (&reaction.name, &report),
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
    Ok(reaction.run(kafka, effect, report, stop).await?)
}

/// What the policy asks for. It is the author's code: a panic must not take the process with it.
fn react<P: Policy>(place: usize, fact: &Fact<P::Event>) -> Result<Vec<Emit>, Failure> {
    catch_unwind(AssertUnwindSafe(|| P::react(fact))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let message = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        let cause = Box::new(Panicked {
            policy: P::NAME,
            message: message.unwrap_or_else(|| "without a message".to_owned()),
        });
        Failure::Poison { fact: place, cause }
    })
}
