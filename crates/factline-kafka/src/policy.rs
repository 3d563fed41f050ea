//! The host of policies: from an aggregate's facts to commands for others, at least once, and once in effect.
//!
//! A policy is a [`reaction`](crate::reaction) whose effect is to append commands. All of a batch are acknowledged by all
//! replicas before the offsets of their facts are committed, so none is lost; one that is appended twice has the same id,
//! which derives from the fact, and its handler decides an id once. Within a batch commands are sent in the order of the
//! facts; after a failure all are sent again, so an aggregate may see an earlier one a second time and pass it over.
//!
//! What never passes stops the partition of the fact: a policy that panics, a command that its schema does not hold, one
//! that is too large for the topic, a schema that the registry refuses.
//!
//! It is not the place of policies: those are pure, see [`Policy`]. To host one more, [`provision`] and [`run`] it.

mod sending;

use std::panic::{AssertUnwindSafe, catch_unwind};

use factline::{Emit, Fact, Policy};
use tokio_util::sync::CancellationToken;

use crate::config::KafkaConfig;
use crate::reaction::{Facts, Failure, Reaction};
use crate::{provision, topics};

pub use crate::reaction::{Error, Report};

use sending::{Command, Sender};

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
    let mut sender = Sender::new(&kafka, P::NAME)?;
    let effect = async move |facts: &[Fact<P::Event>]| {
        let mut commands = Vec::new();
        for (place, fact) in facts.iter().enumerate() {
            for (number, emit) in react::<P>(place, fact)?.iter().enumerate() {
                let envelope = fact.emitted(P::NAME, P::SOURCE.aggregate, number, emit);
                commands.push(Command::new(&mut sender, place, envelope, emit).await?);
            }
        }
        sender.send(&commands).await
    };
    reaction::<P>(&kafka).run(kafka, effect, report, stop).await
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
