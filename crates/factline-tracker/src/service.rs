//! The process: its options, its one-shot job and its parts.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use factline::Contract;
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::{Follower, PostgresConfig, TopicKind, migration};
use factline_service::{Service, ServiceConfig};
use sqlx::PgPool;
use sqlx::migrate::Migrator;

use crate::barrier::{Barrier, Limits};
use crate::cancel::Cancels;
use crate::contracts::{Kind, Resources, Source, sources};
use crate::dead_letters::DeadLetters;
use crate::ends::Watermarks;
use crate::http::{self, Answers};
use crate::retention::Retention;
use crate::sink::OperationSink;
use crate::store::{FOLLOWER, SCHEMA, follower_id};
use crate::stream::Streams;
use crate::visible::Views;
use crate::visible::samples::Samples;
use crate::watch::Watch;
use crate::webhooks::{self, Webhooks};
use crate::workflow::Workflows;
use crate::{dead_letters, notifications, retention, statistics, trimming};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Reports the status of commands to clients
#[derive(Debug, Clone, Parser)]
#[command(
    name = NAME,
    version,
    after_help = "Example:\n  operations-tracker migrate\n  operations-tracker --listen 127.0.0.1:8103\n  \
                  curl http://127.0.0.1:8103/operations/0198c0de-0000-7000-8000-000000000000"
)]
pub struct Config {
    /// Options of every process.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Options of the Kafka client.
    #[command(flatten)]
    pub kafka: KafkaConfig,
    /// Options of the database.
    #[command(flatten)]
    pub postgres: PostgresConfig,
    /// Options of the tracker.
    #[command(flatten)]
    pub tracker: Options,
    /// A job to run instead of serving.
    #[command(subcommand)]
    pub job: Option<Job>,
}

/// Options of the tracker.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Maximum time in milliseconds that a request for an unknown operation waits until it is
    /// certain that the operation does not exist
    #[arg(long, env = "FACTLINE_BARRIER_TIMEOUT_MS", default_value_t = 5000)]
    pub barrier_timeout_ms: u64,
    /// Maximum number of requests for unknown operations that wait at the same time; further ones
    /// get 503
    #[arg(long, env = "FACTLINE_BARRIER_MAX_WAITING", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..))]
    pub barrier_max_waiting: u32,
    /// Maximum time in seconds that a request with `Prefer: wait` waits for the end of an
    /// operation. It is shorter than the time limits of proxies in between
    #[arg(long, env = "FACTLINE_OPERATION_MAX_WAIT", default_value = "20", value_parser = factline_service::config::seconds)]
    pub operation_max_wait: Duration,
    /// Maximum number of open streams of server-sent events; further ones get 503. Each needs a
    /// connection
    #[arg(long, env = "FACTLINE_OPERATION_MAX_STREAMS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub operation_max_streams: u32,
    /// Options of trimming.
    #[command(flatten)]
    pub trimming: trimming::Options,
    /// Options of the retention of operations.
    #[command(flatten)]
    pub retention: retention::Options,
    /// Options of webhooks.
    #[command(flatten)]
    pub webhooks: webhooks::Options,
}

/// Jobs that run once and exit.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Job {
    /// Create or update the database schema `operations`, then exit
    Migrate,
}

/// The name of the process in logs and metrics.
const NAME: &str = "operations-tracker";

/// Runs the process `operations-tracker` for the aggregates of these contracts.
pub fn main(contracts: &'static [&'static Contract]) -> ExitCode {
    factline_service::main::<Config, _, _>(
        NAME,
        |config: &Config| &config.service,
        |config, service| run(contracts, config, service),
    )
}

/// Runs the job, or serves until shutdown.
pub async fn run(
    contracts: &[&'static Contract],
    config: Config,
    service: Service,
) -> anyhow::Result<()> {
    let pool = config.postgres.pool(FOLLOWER);
    match config.job {
        Some(Job::Migrate) => migrate(&pool).await,
        None => {
            let answers = start(
                contracts,
                &config.kafka,
                &config.postgres,
                &config.tracker,
                &service,
            )?;
            service.serve(http::router(answers)).await
        }
    }
}

/// Creates or updates the schema.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    migration::checkpoints(pool, SCHEMA)
        .await
        .context("cannot migrate the checkpoint table")?;
    migration::run(pool, SCHEMA, "migrations", &MIGRATIONS)
        .await
        .context("cannot migrate the schema operations")
}

/// Starts the tracker as a part of a process: it follows the contracts' topics. Returns the sources
/// of the HTTP responses, for [`http::routes`]. The schema must be [migrated](migrate).
///
/// # Errors
///
/// If a routes file or an option of the Kafka client is invalid.
pub fn start(
    contracts: &[&'static Contract],
    kafka: &KafkaConfig,
    postgres: &PostgresConfig,
    options: &Options,
    service: &Service,
) -> anyhow::Result<Answers> {
    let pool = postgres.reader_pool(FOLLOWER);
    let sources = sources(kafka, contracts);
    let limits = Limits {
        bound: Duration::from_millis(options.barrier_timeout_ms),
        waiting: options.barrier_max_waiting as usize,
    };
    let commands = commands(&sources);
    let watermarks = Watermarks::new(kafka, &commands).context("cannot create a Kafka client")?;
    let barrier = Barrier::new(
        pool.clone(),
        follower_id(),
        commands,
        watermarks.captures(limits.bound),
        limits,
    );
    let watch = Watch::new(pool.clone());
    let samples = Samples::default();
    let webhooks =
        Webhooks::new(options.webhooks.clone()).context("cannot create the client of webhooks")?;
    let listening = notifications::listen(
        pool.clone(),
        follower_id().view,
        barrier.clone(),
        watch.clone(),
        samples.clone(),
        webhooks.clone(),
        service.shutdown.clone(),
    );
    service.spawn("listener", listening);
    let views = Views::default();
    let sampling = samples
        .clone()
        .run(pool.clone(), views.clone(), service.shutdown.clone());
    service.spawn("samples of visibility", sampling);

    service.health.expect(FOLLOWER);
    let health = service.health.clone();
    let sink = OperationSink::new(sources.clone(), Registry::of(kafka));
    let following = follower(kafka, &sources).run(
        sink,
        kafka.clone(),
        postgres.follower_pool(FOLLOWER),
        move |condition| health.set(FOLLOWER, condition),
        service.shutdown.clone(),
    );
    service.spawn("follower", async move { Ok(following.await?) });
    let retention = Retention::days(options.retention.operation_retention_days);
    service.spawn(
        "retention",
        retention::run(
            retention,
            barrier.clone(),
            pool.clone(),
            service.shutdown.clone(),
        ),
    );
    service.spawn(
        "trimming",
        trimming::run(
            options.trimming.clone(),
            kafka.clone(),
            pool.clone(),
            contracts.to_vec(),
            service.shutdown.clone(),
        ),
    );
    service.spawn(
        "statistics",
        statistics::run(pool.clone(), service.shutdown.clone()),
    );
    let group = follower(kafka, &sources).group;
    let letters =
        DeadLetters::new(kafka, &group, contracts).context("cannot create a Kafka client")?;
    let watching = dead_letters::run(letters, service.shutdown.clone());
    service.spawn("dead letters", watching);
    let resources = Resources::read(contracts)?;
    let workflows = Workflows::read(contracts)?;
    service.spawn(
        "webhooks",
        webhooks::run(
            webhooks.clone(),
            pool.clone(),
            resources.clone(),
            service.shutdown.clone(),
        ),
    );
    Ok(Answers {
        pool,
        cancels: Cancels::new(kafka, contracts)?,
        barrier,
        watch,
        max_wait: options.operation_max_wait,
        streams: Streams::new(options.operation_max_streams),
        samples,
        views,
        resources,
        workflows,
        retention,
        webhooks,
        shutdown: service.shutdown.clone(),
    })
}

/// Returns the follower of the sources.
pub fn follower(kafka: &KafkaConfig, sources: &[Source]) -> Follower {
    let topic = |source: &Source| (source.topic.clone(), TopicKind::Records);
    Follower {
        owner: follower_id(),
        group: format!("{}{FOLLOWER}", kafka.topic_prefix),
        topics: sources.iter().map(topic).collect(),
    }
}

/// Returns the topics that a 404 has to wait for, with their partition counts.
pub fn commands(sources: &[Source]) -> Vec<(String, i32)> {
    let commands = sources
        .iter()
        .filter(|source| source.kind == Kind::Commands);
    commands
        .map(|source| (source.topic.clone(), source.partitions))
        .collect()
}
