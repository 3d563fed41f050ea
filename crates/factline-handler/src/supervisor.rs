//! Runs the workers of an aggregate, each on a separate thread, and restarts them from committed
//! state.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use factline::{Aggregate, AggregateType as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::decide::record_factory::{RecordFactory, RecordFactoryError};
use crate::idle_deadlines::IdleDeadlines;
use crate::log_events;
use crate::options::Options;
use crate::readiness::{Problem, Readiness};
use crate::recovery::committed_state::CommittedState;
use crate::state::partition::Bounds;
use crate::transaction::{self, Transactions};
use crate::worker::{Worker, WorkerExit, WorkerMemory};
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::Settings;
use factline_kafka::consumer::host::{ConsumerHost, Replace};
use factline_kafka::consumer::readiness::{Component, Report};
use factline_kafka::consumer::watchdog::{SILENCE, Watchdog};
use factline_kafka::retry::{Backoff, retry_until_stopped};
use factline_kafka::topics::provision;
use factline_kafka::topics::{broker_settings, timestamps};

/// Another process uses the same instance id.
#[derive(Debug, thiserror::Error)]
#[error("another process runs as instance {instance:?}: give each process a unique id")]
pub struct Fenced {
    pub(crate) instance: String,
}

/// Reason why a handler cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry or the topic.
    #[error("cannot start the handler of {aggregate}")]
    RecordFactory {
        /// The aggregate type.
        aggregate: &'static str,
        /// The cause.
        #[source]
        source: RecordFactoryError,
    },
    /// A topic does not match the contract.
    #[error(transparent)]
    Topics(#[from] provision::Error),
    /// Another process uses the same instance id.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The client library has stalled.
    #[error("the kafka client of {aggregate}'s handler has stalled")]
    Silent {
        /// The aggregate type.
        aggregate: &'static str,
    },
    /// The worker's thread cannot be started, or has ended.
    #[error("worker thread failed: {0}")]
    Thread(String),
}

/// Handles the commands of an aggregate until `stop` is cancelled; a transaction in flight is
/// finished first.
///
/// While the broker or the registry is unavailable, the handler waits. It returns early only if the
/// contract cannot be kept.
pub async fn run<A: Aggregate>(
    kafka: KafkaConfig,
    options: Options,
    report: Report,
    stop: CancellationToken,
) -> Result<(), Error> {
    let contract = A::Type::CONTRACT;
    let component = Component::new(format!("handler of {}", contract.aggregate), &report);
    component.report(Err("connecting".to_owned()));
    let connected =
        retry_until_stopped(&component, &stop, RecordFactoryError::is_transient, || {
            RecordFactory::connect(&kafka, contract)
        });
    let factory = connected.await.map_err(|source| Error::RecordFactory {
        aggregate: contract.aggregate,
        source,
    })?;
    let Some(factory) = factory else {
        return Ok(());
    };
    broker_settings::check(&kafka)
        .await
        .map_err(provision::Error::from)?;
    timestamps::check(&kafka, contract)
        .await
        .map_err(provision::Error::from)?;
    // A process without an instance id gets a generated one. All workers that succeed one another
    // in the same place share it, so that each aborts at once the transaction that its predecessor
    // left open.
    let instance = if kafka.instance.is_empty() {
        Uuid::new_v4().to_string()
    } else {
        kafka.instance.clone()
    };
    let first = Place {
        kafka,
        factory: Arc::new(factory),
        options,
        instance,
        component,
        // A worker that cannot continue stops the others.
        stop: stop.child_token(),
    };
    let mut workers = Vec::new();
    for number in 1..=first.options.workers {
        workers.push(spawn::<A>(first.numbered(number, &report))?);
    }
    let mut result = Ok(());
    for ended in workers {
        let ended = ended
            .await
            .unwrap_or_else(|error| Err(Error::Thread(error.to_string())));
        result = result.and(ended);
    }
    result
}

/// The place of one worker in the process. All workers that succeed one another there share it.
#[derive(Clone)]
struct Place {
    kafka: KafkaConfig,
    factory: Arc<RecordFactory>,
    options: Options,
    /// Part of the `transactional.id`, and the static member id in the group if the process has an
    /// instance id.
    instance: String,
    component: Component,
    stop: CancellationToken,
}

impl Place {
    /// Returns the place of a worker by its number. The first worker has the names of the process,
    /// so that adding workers changes no existing name.
    fn numbered(&self, number: u32, report: &Report) -> Self {
        let mut place = self.clone();
        if number > 1 {
            place.instance = format!("{}-{number}", self.instance);
            let name = format!("{}, worker {number}", self.component.name());
            place.component = Component::new(name, report);
        }
        if !place.kafka.instance.is_empty() {
            place.kafka.instance.clone_from(&place.instance);
        }
        place
    }

    fn aggregate(&self) -> &'static str {
        self.factory.contract.aggregate
    }

    fn transaction_timeout(&self) -> Duration {
        Duration::from_millis(self.options.transaction_timeout_ms.into())
    }
}

/// Starts a worker's thread and its watchdog.
fn spawn<A: Aggregate>(place: Place) -> Result<JoinHandle<Result<(), Error>>, Error> {
    let runtime = tokio::runtime::Handle::current();
    let (done, ended) = oneshot::channel();
    let (watchdog, aggregate) = (Watchdog::default(), place.aggregate());
    let name = format!("handler-{aggregate}");
    // A transaction has four steps. Each may be retried for as long as the transaction may last.
    let longest = SILENCE + place.transaction_timeout() * 4;
    let watch = {
        let (watchdog, stop) = (watchdog.clone(), place.stop.clone());
        async move {
            tokio::select! {
                ended = ended => ended.unwrap_or_else(|_| Err(Error::Thread("panicked".to_owned()))),
                () = watchdog.stalled(longest) => {
                    stop.cancel();
                    Err(Error::Silent { aggregate })
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let _guard = runtime.enter();
        let result = supervise::<A>(&place, &watchdog);
        if result.is_err() {
            place.stop.cancel();
        }
        let _ = done.send(result);
    });
    thread.map_err(|error| Error::Thread(error.to_string()))?;
    Ok(tokio::spawn(watch))
}

/// Runs one worker after another. When a worker fails, its successor starts from the committed
/// state.
fn supervise<A: Aggregate>(place: &Place, watchdog: &Watchdog) -> Result<(), Error> {
    let Place {
        kafka,
        factory,
        options,
        component,
        stop,
        ..
    } = place;
    let mut memory = WorkerMemory {
        limit: options.max_batch as usize,
    };
    let settings = Settings {
        kafka: kafka.clone(),
        group: factory.topics.handler_group().to_owned(),
        topics: vec![factory.topics.commands().to_owned()],
        session_timeout: Duration::from_millis(options.session_timeout_ms.into()),
        name: component.name().to_owned(),
    };
    let bounds = Bounds {
        window: TimeDelta::hours(options.dedupe_hours.into()),
        snapshots_every: options.snapshot_every.into(),
        shared: options.resources.shared(options),
    };
    let state = CommittedState::<A>::new(kafka, factory, bounds, stop);
    let mut host = ConsumerHost::new(settings, state, watchdog);
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
    while !stop.is_cancelled() {
        let started = std::time::Instant::now();
        match work(place, &mut host, &mut memory) {
            Ok(()) => break,
            // The first fencings may be due to this worker itself, which rejoined after its session
            // had timed out.
            Err(WorkerExit::Consumer(Replace::Failed(_))) if host.is_instance_taken() => {
                let instance = kafka.instance.clone();
                return Err(Fenced { instance }.into());
            }
            Err(ended) => {
                let reason = error_chain(&ended);
                tracing::warn!(
                    aggregate = place.aggregate(),
                    event = log_events::WORKER_RESTARTED,
                    reason,
                    "restarting worker from committed state"
                );
                metrics::counter!("factline_workers_restarted_total", "aggregate" => place.aggregate()).increment(1);
                component.report(Err(reason));
            }
        }
        if started.elapsed() > Duration::from_secs(30) {
            backoff.reset();
        }
        host.leave();
        std::thread::sleep(backoff.pause());
    }
    component.report(Err("stopped".to_owned()));
    Ok(())
}

/// Runs one worker, until it fails or the handler stops.
fn work<A: Aggregate>(
    place: &Place,
    host: &mut ConsumerHost<CommittedState<A>>,
    memory: &mut WorkerMemory,
) -> Result<(), WorkerExit> {
    let Place {
        kafka,
        factory,
        options,
        instance,
        component,
        stop,
    } = place;
    let timeout = place.transaction_timeout();
    // The producer comes first: it aborts its predecessor's open transaction, which the recovery
    // would otherwise wait for.
    let transactions = Transactions::init(
        kafka
            .client_config()
            .set(
                "transactional.id",
                format!("{}.{instance}", factory.topics.handler_group()),
            )
            .set("transaction.timeout.ms", timeout.as_millis().to_string())
            .set("message.max.bytes", "2097152")
            .set("compression.type", "lz4")
            .set("linger.ms", "5"),
        factory.topics.events(),
        factory.origin.partitions,
        timeout,
    )
    .map_err(|source| transaction::Failure::Unknown {
        what: "init",
        source,
    })?;

    host.rejoin().map_err(WorkerExit::Join)?;
    let component = component.clone();
    let report = move |state| component.report(state);
    let mut readiness = Readiness::new(report, Problem::Joining);
    let waiting = "waiting for an assignment of partitions";
    readiness.set(Problem::Joining, Some(waiting.to_owned()));
    let mut worker = Worker::new(
        host,
        readiness,
        transactions,
        Arc::clone(factory),
        IdleDeadlines::new(kafka, factory.topics.commands()),
        options.max_batch as usize,
        memory,
    );
    while !stop.is_cancelled() {
        worker.turn()?;
    }
    Ok(())
}
