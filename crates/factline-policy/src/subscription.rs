//! Reacting to an aggregate's facts, each at least once: whatever has happened, something is done about it outside.
//!
//! > poll → decode into facts → the effect → commit the offsets
//!
//! A reaction is one thread and one member of a consumer group. It hands the facts of its partitions, in the order of each
//! partition, to an *effect*, and commits their offsets when the effect has succeeded and not before: a crash between the
//! two does the effect again. So an effect must be one that may be done twice: commands whose ids derive from the fact
//! ([`factline_policy`]), requests that carry an idempotency key.
//!
//! - An effect that cannot be done for now is tried again for ever, with growing pauses; readiness says why.
//! - A fact that can never be read or handled stops its partition there, loudly, and no other.
//! - Partitions that go to another member are dropped from the batch under way: what has been done is not committed, and
//!   is done again over there.
//!
//! It is no way to build a view, which must see each fact once and in one transaction with its place: that is
//! `factline-postgres`.
//!
//! To add one: a [`Subscription`] with a name of its own, its [`provision`](Subscription::provision) in a job that runs before,
//! and [`run`](Subscription::run) with the effect.

mod assignment;
mod batch;
mod fact;
mod host;
mod offsets;
mod readiness;
mod start_position;
mod subscription_metrics;

use factline::policy::Start;
use factline::{Contract, Fact, Messages};
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use factline_kafka::consumer::readiness::Report;

use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::watchdog::{Pulse, SILENCE};
use factline_kafka::{topics::broker_settings, topics::provision};
use host::Host;

/// Who reacts to whose facts.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its name in health reports, logs and metrics, such as `policy checkout.pay`.
    pub name: String,
    /// Whose facts.
    pub source: &'static Contract,
    /// The consumer group, with its prefix: instances share its partitions, and it remembers how far they have come.
    pub group: String,
    /// Where it begins when it is new, see [`Self::provision`].
    pub start: Start,
    /// Which facts.
    pub facts: Facts,
}

/// The facts that an effect is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facts {
    /// What has happened.
    Events,
    /// What has happened, and how the commands ended that some process has sent.
    EventsAndOutcomes,
}

/// Something that the effect needs is away for now.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unavailable(Box<dyn std::error::Error + Send + Sync>);

impl Unavailable {
    /// For this reason.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Why an effect was not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may succeed later: all of the batch is tried again, for ever.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// It can never succeed for one of the facts: its partition stops before it, and the rest is tried again without.
    #[error("fact {fact} of the batch can never be handled")]
    Poison {
        /// Its place among the facts that were handed in.
        fact: usize,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a reaction cannot begin, or ended when it should not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster forgets resting groups too soon.
    #[error(transparent)]
    Topics(#[from] provision::Error),
    /// The client's configuration is wrong.
    #[error("cannot make a kafka client")]
    Client(#[from] KafkaError),
    /// The operating system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
    /// Another process runs in the same slot.
    #[error("another process runs {name} as instance {instance:?}; give each its own")]
    SlotTaken {
        /// Name of the subscription.
        name: String,
        /// The slot.
        instance: String,
    },
    /// The client library does not go on.
    #[error("{name}: the kafka client has said nothing for {} s", SILENCE.as_secs())]
    Silent {
        /// Name of the subscription.
        name: String,
    },
    /// A defect of the host or the effect.
    #[error("{name} panicked")]
    Panicked {
        /// Name of the subscription.
        name: String,
    },
}

impl Subscription {
    /// Commits the group's first offsets, if it has none yet: at the ends of the topics for [`Start::Now`], at their
    /// beginnings for [`Start::Beginning`]. It may be run again at any time. Without it, a reaction does not move: a
    /// group that has lost its place must neither start over nor skip in silence.
    pub async fn provision(&self, kafka: &KafkaConfig) -> Result<(), provision::Error> {
        start_position::commit(self, kafka).await
    }

    /// Reacts until `stop` is cancelled: then the effect under way may end, for some seconds, and the group is left.
    ///
    /// The effect is given facts in the order of each partition; their [position](factline::Envelope::position) is the one
    /// that a reader must have come to in order to see them. While it takes its time, the group is kept up, so it may
    /// take long. It is dropped at an await when the process is told to end or has lost its place in the group.
    pub async fn run<E, F>(
        self,
        kafka: KafkaConfig,
        effect: F,
        report: Report,
        stop: CancellationToken,
    ) -> Result<(), Error>
    where
        E: Messages,
        F: AsyncFnMut(&[Fact<E>]) -> Result<(), Failure> + Send + 'static,
    {
        let name = self.name.clone();
        report(&name, Err("connecting".to_owned()));
        broker_settings::check(&kafka).await?;
        // Whoever drops this future does not leave a thread behind.
        let stop = stop.child_token();
        let _stops = stop.clone().drop_guard();
        let pulse = Pulse::default();
        let host = Host::new(self, kafka, report, stop, &pulse)?;
        let runtime = tokio::runtime::Handle::current();
        let (ended, end) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                // The receiver is gone only if nobody waits for the end.
                let _ = ended.send(runtime.block_on(host.follow(effect)));
            })?;
        tokio::select! {
            end = end => end.unwrap_or(Err(Error::Panicked { name })),
            () = pulse.stops(SILENCE) => Err(Error::Silent { name }),
        }
    }

    /// The topics that are followed.
    fn topics(&self, kafka: &KafkaConfig) -> Vec<String> {
        let topics = kafka.topics(self.source);
        let mut followed = vec![topics.events().to_owned()];
        if self.facts == Facts::EventsAndOutcomes {
            followed.push(topics.outcomes().to_owned());
        }
        followed
    }
}
