//! Subscriptions: hand an aggregate's facts to a callback, each fact at least once.
//!
//! > poll → decode into facts → call `handle` → commit the offsets
//!
//! A subscription is one thread and one member of a consumer group. It passes the facts of its
//! partitions to `handle`, in the order of each partition. It commits their offsets only after
//! `handle` has succeeded, so a crash between the two makes `handle` receive the facts again.
//! Therefore `handle` must be idempotent: it sends commands whose ids derive from the fact
//! ([`Policy`](factline::Policy)), or requests with an idempotency key.
//!
//! - A temporary failure is retried without limit and with growing pauses. Readiness reports the
//!   reason.
//! - A fact that can never be read or handled is treated as the subscription's
//!   [policy](PoisonPolicy) says. By default its key is parked: the fact and the later ones of its
//!   key are kept in a topic of letters, until an operator redrives or discards them, and other
//!   keys continue.
//! - Records of revoked partitions are dropped from the current batch. Their offsets are not
//!   committed, so the new owner handles them again.
//!
//! Do not use a subscription to build a view. A view must apply each fact once, in one transaction
//! with its checkpoint: use `factline-postgres`.
//!
//! To add a subscription, create a [`Subscription`] with a unique name. Call
//! [`provision`](Subscription::provision) in a job that runs first, and then
//! [`run`](Subscription::run) with the callback.

mod assignment;
mod batch;
mod fact;
mod group_offsets;
mod host;
mod letters;
mod offsets;
mod parked;
mod readiness;
mod redrive;
mod start_position;
mod subscription_metrics;

use factline::policy::Start;
use factline::{Contract, Delivery, Fact, Messages, PoisonPolicy};
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use factline_kafka::consumer::readiness::Report;

use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::watchdog::{SILENCE, Watchdog};
use factline_kafka::{topics::broker_settings, topics::provision, topics::settings};
use host::Host;

/// Subscription of one consumer group to the facts of one aggregate type.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Name in health reports, logs and metrics, such as `policy checkout.pay`.
    pub name: String,
    /// Contract of the aggregate type whose facts are read.
    pub source: &'static Contract,
    /// Consumer group, with its prefix. Instances share its partitions, and it stores their
    /// offsets.
    pub group: String,
    /// Start position of a new group, see [`Self::provision`].
    pub start: Start,
    /// Kinds of facts that are read.
    pub facts: Facts,
    /// Treatment of a fact that can never be read or handled.
    pub poison: PoisonPolicy,
}

/// Kinds of facts that `handle` receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facts {
    /// Events only.
    Events,
    /// Events, and the outcomes of commands that a process sent.
    EventsAndOutcomes,
}

/// A system that `handle` needs is temporarily unavailable.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unavailable(Box<dyn std::error::Error + Send + Sync>);

impl Unavailable {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Reason why `handle` failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A retry may succeed. The whole batch is retried without limit.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// No retry can succeed for one of the facts. It is treated as [`Subscription::poison`] says,
    /// and the rest of the batch is retried without it.
    #[error("fact {fact} of the batch can never be handled")]
    Poison {
        /// Index of the fact in the slice that `handle` received.
        fact: usize,
        /// Cause of the failure.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Reason why a subscription cannot start, or ended unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster deletes the offsets of idle groups too soon.
    #[error(transparent)]
    Topics(#[from] provision::Error),
    /// The client's configuration is invalid.
    #[error("cannot create a kafka client")]
    Client(#[from] KafkaError),
    /// The operating system cannot start a thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
    /// Another process runs with the same instance id.
    #[error("another process runs {name} as instance {instance:?}: give each process a unique id")]
    SlotTaken {
        /// Name of the subscription.
        name: String,
        /// Instance id of both processes.
        instance: String,
    },
    /// The watchdog found that the client library makes no progress.
    #[error("{name}: watchdog: the kafka client has not responded for {} s", SILENCE.as_secs())]
    Silent {
        /// Name of the subscription.
        name: String,
    },
    /// A defect of the host or of `handle`.
    #[error("{name} panicked")]
    Panicked {
        /// Name of the subscription.
        name: String,
    },
}

impl Subscription {
    /// Commits the group's first offsets if the group has none: the ends of the topics for
    /// [`Start::Now`], their beginnings for [`Start::Beginning`]. Creates the topic of letters, if
    /// the subscription parks keys. It can be run again at any time.
    ///
    /// Without these offsets, a subscription does not start. A group that lost its offsets must
    /// neither start from the beginning nor skip facts silently.
    pub async fn provision(&self, kafka: &KafkaConfig) -> Result<(), provision::Error> {
        if self.poison == PoisonPolicy::Park {
            let topic = letters::topic_of(&self.group);
            let wanted = settings::letters(&topic, kafka.contract(self.source).partitions);
            provision::create(kafka, &[wanted], None).await?;
        }
        start_position::commit(self, kafka).await
    }

    /// Calls `handle` with facts until `stop` is cancelled. Then the current call may continue for
    /// some seconds, and the member leaves the group.
    ///
    /// `handle` receives facts in the order of each partition. The
    /// [position](factline::Envelope::position) of a fact is the position that a reader must reach
    /// to see the fact. The group membership is kept while `handle` runs, so a call may take long.
    /// The call is dropped at an await when the process is stopped or the member lost its group
    /// membership.
    pub async fn run<E, F>(
        self,
        kafka: KafkaConfig,
        handle: F,
        report: Report,
        stop: CancellationToken,
    ) -> Result<(), Error>
    where
        E: Messages,
        F: AsyncFnMut(&[Fact<E>]) -> Result<(), Failure> + Send + 'static,
    {
        let mut handle = handle;
        let numbered = async move |facts: &[Fact<E>], _: &[Option<Delivery>]| handle(facts).await;
        self.run_numbered(kafka, numbered, report, stop).await
    }

    /// Does the same, and tells `handle` the number of the commands that follow from each fact.
    pub(crate) async fn run_numbered<E, F>(
        self,
        kafka: KafkaConfig,
        handle: F,
        report: Report,
        stop: CancellationToken,
    ) -> Result<(), Error>
    where
        E: Messages,
        F: AsyncFnMut(&[Fact<E>], &[Option<Delivery>]) -> Result<(), Failure> + Send + 'static,
    {
        let name = self.name.clone();
        report(&name, Err("connecting".to_owned()));
        broker_settings::check(&kafka)
            .await
            .map_err(provision::Error::from)?;
        // Dropping this future also ends the thread.
        let stop = stop.child_token();
        let _stops = stop.clone().drop_guard();
        let watchdog = Watchdog::default();
        let host = Host::new(self, &kafka, report, stop, &watchdog)?;
        let runtime = tokio::runtime::Handle::current();
        let (ended, end) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                // The receiver is dropped only if the caller no longer awaits the result.
                let _ = ended.send(runtime.block_on(host.follow(handle)));
            })?;
        tokio::select! {
            end = end => end.unwrap_or(Err(Error::Panicked { name })),
            () = watchdog.stalled(SILENCE) => Err(Error::Silent { name }),
        }
    }

    /// Returns the topics that the subscription reads.
    fn topics(&self, kafka: &KafkaConfig) -> Vec<String> {
        let topics = kafka.topics(self.source);
        let mut followed = vec![topics.events().to_owned()];
        if self.facts == Facts::EventsAndOutcomes {
            followed.push(topics.outcomes().to_owned());
        }
        followed
    }
}
