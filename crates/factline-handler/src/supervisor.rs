//! Runs the workers of an aggregate: each on a thread of its own, restarted from committed state when it fails.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use factline::{Aggregate, Contract};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::decide::record_factory::{Wire, WireError};
use crate::idle_deadlines::Idle;
use crate::log_events;
use crate::options::Options;
use crate::rebalance::Ownership;
use crate::state::partition::Bounds;
use crate::transaction::{self, Transactions};
use crate::worker::{Ended, Kept, Worker};
use factline::error_chain;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::Slot;
use factline_kafka::consumer::poll_gap::PollGap;
use factline_kafka::consumer::readiness::Report;
use factline_kafka::consumer::stalled_partitions::Arrivals;
use factline_kafka::consumer::watchdog::{Pulse, SILENCE};
use factline_kafka::retry::patiently;
use factline_kafka::topics::broker_settings;
use factline_kafka::topics::provision;

/// Another process runs in the same slot.
#[derive(Debug, thiserror::Error)]
#[error("another process runs as instance {instance:?}; give each its own")]
pub struct Fenced {
    pub(crate) instance: String,
}

/// Why a handler cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Registry or topic.
    #[error("cannot start handling {aggregate}")]
    Wire {
        /// The aggregate type.
        aggregate: &'static str,
        /// Why.
        #[source]
        source: WireError,
    },
    /// A topic is not as the contract says.
    #[error(transparent)]
    Topics(#[from] provision::Error),
    /// The slot is taken.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The client library does not go on.
    #[error("the kafka client of {aggregate}'s handler has said nothing for long")]
    Silent {
        /// The aggregate type.
        aggregate: &'static str,
    },
    /// The worker's thread cannot be started, or has died.
    #[error("the worker thread is gone: {0}")]
    Thread(String),
}

/// Handles the commands of an aggregate until `stop` is cancelled; a transaction in flight is finished first.
///
/// Broker and registry being away is waited for; what returns early is a contract that cannot be kept.
pub async fn run<A: Aggregate>(
    contract: &'static Contract,
    kafka: KafkaConfig,
    options: Options,
    report: Report,
    stop: CancellationToken,
) -> Result<(), Error> {
    let component = format!("handler of {}", contract.aggregate);
    report(&component, Err("connecting".to_owned()));
    let connected = patiently(
        (&component, &report),
        &stop,
        WireError::is_transient,
        || Wire::connect(&kafka, contract),
    );
    let wire = connected.await.map_err(|source| Error::Wire {
        aggregate: contract.aggregate,
        source,
    })?;
    let Some(wire) = wire else {
        return Ok(());
    };
    broker_settings::check(&kafka).await?;
    let wire = Arc::new(wire);
    // A slot of its own for a process that was given none; the same for all workers that come one after another in its
    // place, so that each aborts at once what the one before has left open.
    let slot = if kafka.instance.is_empty() {
        Uuid::new_v4().to_string()
    } else {
        kafka.instance.clone()
    };
    // One that cannot go on ends the others.
    let stop = stop.child_token();
    let mut workers = Vec::new();
    for number in 1..=options.workers {
        let place = Place::of(number, &slot, &component);
        workers.push(spawn::<A>(
            &kafka,
            &wire,
            &options,
            (place, &report),
            &stop,
        )?);
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

/// Which worker this is.
struct Place {
    /// Its part of the `transactional.id`, and its member id in the group if the process has a slot.
    slot: String,
    /// How readiness calls it.
    component: String,
}

impl Place {
    /// The first has the names of the process, so that one worker more changes nobody else's.
    fn of(number: u32, slot: &str, component: &str) -> Self {
        let (mut slot, mut component) = (slot.to_owned(), component.to_owned());
        if number > 1 {
            slot = format!("{slot}-{number}");
            component = format!("{component}, worker {number}");
        }
        Self { slot, component }
    }
}

/// Starts a worker's thread, and watches over it.
fn spawn<A: Aggregate>(
    kafka: &KafkaConfig,
    wire: &Arc<Wire>,
    options: &Options,
    (place, report): (Place, &Report),
    stop: &CancellationToken,
) -> Result<JoinHandle<Result<(), Error>>, Error> {
    let mut kafka = kafka.clone();
    if !kafka.instance.is_empty() {
        kafka.instance.clone_from(&place.slot);
    }
    let (wire, options, report) = (Arc::clone(wire), options.clone(), Arc::clone(report));
    let (runtime, stop) = (tokio::runtime::Handle::current(), stop.clone());
    let (done, ended) = oneshot::channel();
    let (pulse, aggregate) = (Pulse::default(), wire.contract.aggregate);
    let name = format!("handler-{aggregate}");
    // A transaction has four steps, each of which is tried again for as long as it may last.
    let longest = SILENCE + Duration::from_millis(options.transaction_timeout_ms.into()) * 4;
    let watch = {
        let (pulse, stop) = (pulse.clone(), stop.clone());
        async move {
            tokio::select! {
                ended = ended => ended.unwrap_or_else(|_| Err(Error::Thread("it panicked".to_owned()))),
                () = pulse.stops(longest) => {
                    stop.cancel();
                    Err(Error::Silent { aggregate })
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let _guard = runtime.enter();
        let told = (place.component.as_str(), &report);
        let result = supervise::<A>(
            &kafka,
            &wire,
            &options,
            (&place.slot, told),
            (&stop, &pulse),
        );
        if result.is_err() {
            stop.cancel();
        }
        let _ = done.send(result);
    });
    thread.map_err(|error| Error::Thread(error.to_string()))?;
    Ok(tokio::spawn(watch))
}

/// Runs one worker after another: what a worker cannot get over, its successor starts anew from what is committed.
fn supervise<A: Aggregate>(
    kafka: &KafkaConfig,
    wire: &Arc<Wire>,
    options: &Options,
    (slot, (component, report)): (&str, (&str, &Report)),
    (stop, pulse): (&CancellationToken, &Pulse),
) -> Result<(), Error> {
    let mut kept = Kept {
        limit: options.max_batch as usize,
        // A member hears of it by a heartbeat, a few of which go into a session.
        slot: Slot::within(Duration::from_millis(options.session_timeout_ms.into()) * 4),
        arrivals: Arrivals::new(
            kafka,
            wire.topics.handler_group(),
            &[wire.topics.commands()],
        ),
        poll_gap: PollGap::new(component),
    };
    let mut pause = Duration::from_millis(50);
    while !stop.is_cancelled() {
        let started = std::time::Instant::now();
        match work::<A>(
            kafka,
            wire,
            options,
            (slot, &mut kept),
            (component, report),
            (stop, pulse),
        ) {
            Ok(()) => break,
            Err(Ended::Fenced(fenced)) => return Err(fenced.into()),
            Err(ended) => {
                let reason = error_chain(&ended);
                tracing::warn!(
                    aggregate = wire.contract.aggregate,
                    event = log_events::WORKER_RESTARTED,
                    reason,
                    "restarting worker from committed state"
                );
                metrics::counter!("factline_workers_restarted_total", "aggregate" => wire.contract.aggregate).increment(1);
                report(component, Err(reason));
            }
        }
        if started.elapsed() > Duration::from_secs(30) {
            pause = Duration::from_millis(50);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(2));
    }
    report(component, Err("stopped".to_owned()));
    Ok(())
}

fn work<A: Aggregate>(
    kafka: &KafkaConfig,
    wire: &Arc<Wire>,
    options: &Options,
    (slot, kept): (&str, &mut Kept),
    (component, report): (&str, &Report),
    (stop, pulse): (&CancellationToken, &Pulse),
) -> Result<(), Ended> {
    // First the producer: it aborts what its predecessor of this slot left open, which the restore would wait for.
    let transactions = Transactions::begin_life(
        kafka
            .client_config()
            .set(
                "transactional.id",
                format!("{}.{slot}", wire.topics.handler_group()),
            )
            .set(
                "transaction.timeout.ms",
                options.transaction_timeout_ms.to_string(),
            )
            .set("message.max.bytes", "2097152")
            .set("compression.type", "lz4")
            .set("linger.ms", "5"),
        (wire.topics.events(), wire.contract.partitions),
        Duration::from_millis(options.transaction_timeout_ms.into()),
    )
    .map_err(|source| transaction::Failure::Unknown {
        what: "init",
        source,
    })?;

    let context = Ownership::<A>::new(
        kafka,
        wire,
        Bounds {
            window: TimeDelta::hours(options.dedupe_hours.into()),
            operations: options.dedupe_limit as usize,
            bytes: u64::from(options.state_limit_mb) << 20,
            snapshots_every: options.snapshot_every.into(),
        },
        (component, report),
        (stop, pulse),
    );
    let mut config = kafka.client_config();
    config
        .set("group.id", wire.topics.handler_group())
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", options.session_timeout_ms.to_string())
        .set(
            "heartbeat.interval.ms",
            (options.session_timeout_ms / 4).to_string(),
        )
        // A worker polls between its transactions, and the longest of those, tried again, ends long before.
        .set("max.poll.interval.ms", "300000")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("statistics.interval.ms", "5000")
        // With queues full of small records the default would let the loop stand still for a second.
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.max.messages.kbytes", "16384");
    kept.arrivals.anew();
    if !kafka.instance.is_empty() {
        config.set("group.instance.id", &kafka.instance);
    }
    let consumer: BaseConsumer<Ownership<A>> = config
        .create_with_context(context)
        .map_err(Ended::Consume)?;
    consumer
        .subscribe(&[wire.topics.commands()])
        .map_err(Ended::Consume)?;
    consumer.context().tell();
    let mut worker = Worker::new(
        consumer,
        transactions,
        Arc::clone(wire),
        Idle::new(kafka, wire.topics.commands()),
        options.max_batch as usize,
        kept,
    );
    while !stop.is_cancelled() {
        worker.turn()?;
    }
    Ok(())
}
