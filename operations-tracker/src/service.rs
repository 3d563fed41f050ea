//! The process: its options, its one-shot job and its parts.

use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use factline::Contract;
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::{Contents, Follower, Owner, PostgresConfig, migration};
use factline_service::{Service, ServiceConfig};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio::sync::watch;

use crate::barrier::Barrier;
use crate::contracts::{Kind, Resources, Source, sources};
use crate::ends::Watermarks;
use crate::http::{self, Answers};
use crate::sink::OperationSink;
use crate::store::SCHEMA;
use crate::{notifications, trimming};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Name in checkpoints, and of the consumer group behind the topic prefix.
const NAME: &str = "operations-tracker";

/// Tells clients what became of their commands.
#[derive(Debug, Clone, Parser)]
#[command(
    version,
    after_help = "Example:\n  operations-tracker migrate\n  operations-tracker --listen 127.0.0.1:8103\n  \
                  curl http://127.0.0.1:8103/operations/0198c0de-0000-7000-8000-000000000000"
)]
pub struct Config {
    /// What every process has.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Where the records are.
    #[command(flatten)]
    pub kafka: KafkaConfig,
    /// Where the operations are kept.
    #[command(flatten)]
    pub postgres: PostgresConfig,
    /// How long a request for an unknown operation waits until it is certain that there is none, in milliseconds
    #[arg(long, env = "FACTLINE_BARRIER_TIMEOUT_MS", default_value_t = 5000)]
    pub barrier_timeout_ms: u64,
    /// How long commands are kept.
    #[command(flatten)]
    pub trimming: trimming::Options,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub job: Option<Job>,
}

/// Jobs that end.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Job {
    /// Create or update the database schema `operations`, then end
    Migrate,
}

/// Does the job, or serves until shutdown.
pub async fn run(config: Config, service: Service) -> anyhow::Result<()> {
    let pool = config.postgres.pool(NAME);
    match config.job {
        Some(Job::Migrate) => migrate(&pool).await,
        None => serve(&config, &service, pool).await,
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

async fn serve(config: &Config, service: &Service, pool: PgPool) -> anyhow::Result<()> {
    let answers = follow(config, service, &pool, contracts::ALL)?;
    service.serve(http::router(answers)).await
}

/// Starts to follow the contracts' topics; what can be answered meanwhile.
fn follow(
    config: &Config,
    service: &Service,
    pool: &PgPool,
    contracts: &'static [&'static Contract],
) -> anyhow::Result<Answers> {
    let sources = sources(&config.kafka, contracts);
    let (sender, moved) = watch::channel(0);
    let barrier = Barrier::new(
        pool.clone(),
        owner(),
        Watermarks::new(&config.kafka, commands(&sources)).context("cannot make a kafka client")?,
        moved,
        Duration::from_millis(config.barrier_timeout_ms),
    );
    let view = owner().view;
    let listening = notifications::listen(pool.clone(), view, sender, service.shutdown.clone());
    service.spawn("listener", listening);

    service.health.expect(NAME);
    let health = service.health.clone();
    let sink = OperationSink::new(sources.clone(), Registry::new(&config.kafka.registry_url));
    let following = follower(&config.kafka, &sources).run(
        sink,
        config.kafka.clone(),
        config.postgres.follower_pool(NAME),
        move |condition| health.set(NAME, condition),
        service.shutdown.clone(),
    );
    service.spawn("follower", async move { Ok(following.await?) });
    service.spawn(
        "trimming",
        trimming::run(
            config.trimming.clone(),
            config.kafka.clone(),
            pool.clone(),
            contracts,
            service.shutdown.clone(),
        ),
    );
    let resources = Resources::read(contracts)?;
    Ok(Answers { barrier, resources })
}

/// Whose checkpoints the tracker's are.
pub fn owner() -> Owner {
    Owner {
        schema: SCHEMA,
        view: NAME.to_owned(),
        version: 1,
    }
}

/// Who follows the sources.
pub fn follower(kafka: &KafkaConfig, sources: &[Source]) -> Follower {
    let topic = |source: &Source| (source.topic.clone(), Contents::Records);
    Follower {
        owner: owner(),
        group: format!("{}{NAME}", kafka.topic_prefix),
        topics: sources.iter().map(topic).collect(),
    }
}

/// The topics that a 404 has to wait for, with their partition counts.
pub fn commands(sources: &[Source]) -> Vec<(String, i32)> {
    let commands = sources
        .iter()
        .filter(|source| source.kind == Kind::Commands);
    commands
        .map(|source| (source.topic.clone(), source.partitions))
        .collect()
}
