//! The projection process: follows events and maintains a list of views.
//!
//! It has no views of its own. An application calls [`main`] with its views.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;
use factline_kafka::{KafkaConfig, Registry};
use factline_service::{Service, ServiceConfig, parts};
use sqlx::PgPool;

use crate::config::PostgresConfig;
use crate::migration;
use crate::view::{CHECKPOINTS, Following, HostedView};

/// Maintains read models in PostgreSQL, from events
#[derive(Debug, clap::Parser)]
#[command(
    name = NAME,
    version,
    after_help = "Example:\n  projectors migrate\n  projectors --only orders"
)]
struct Config {
    #[command(flatten)]
    service: ServiceConfig,
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    postgres: PostgresConfig,
    /// Maintain only these views, separated by commas; without it, all views
    #[arg(long, env = "FACTLINE_ONLY", value_delimiter = ',')]
    only: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create or update tables, stable names and rights, then exit
    Migrate,
}

/// The name of the process in logs and metrics.
const NAME: &str = "projectors";

/// Runs the process `projectors` for these views.
pub fn main(views: &'static [HostedView]) -> ExitCode {
    let names: BTreeSet<&str> = views.iter().map(|view| view.name).collect();
    factline_service::main_with::<Config, _, _>(
        parts::limit_to(Config::command(), names),
        NAME,
        |config: &Config| &config.service,
        |config, service| run(views, config, service),
    )
}

async fn run(views: &[HostedView], config: Config, service: Service) -> anyhow::Result<()> {
    check(views)?;
    if let Some(Command::Migrate) = config.command {
        return migrate(&config.postgres.pool(service.name), views).await;
    }
    let chosen = views
        .iter()
        .filter(|view| parts::includes(&config.only, view.name));
    spawn(chosen, &config.kafka, &config.postgres, &service);
    service.serve_without_routes().await
}

/// Checks that no two views have one name and version, and so one checkpoint. Several versions of a
/// view can be in one list: the older ones are followed until they are removed from it.
pub fn check(views: &[HostedView]) -> Result<(), parts::NameTaken> {
    let versions: BTreeSet<i32> = views.iter().map(|view| view.version).collect();
    versions.into_iter().try_for_each(|version| {
        let of_version = views.iter().filter(|view| view.version == version);
        parts::check_names("view", of_version.map(|view| view.name))
    })
}

/// Creates or updates everything that these views own in the database. A second run, or two at
/// once, changes nothing.
pub async fn migrate(pool: &PgPool, views: &[HostedView]) -> anyhow::Result<()> {
    migration::checkpoints(pool, CHECKPOINTS)
        .await
        .context("cannot migrate the checkpoints")?;
    for view in views {
        view.migrate(pool).await?;
    }
    Ok(())
}

/// Starts views as a part of a process. They end when the process shuts down.
pub fn spawn<'v>(
    views: impl IntoIterator<Item = &'v HostedView>,
    kafka: &KafkaConfig,
    postgres: &PostgresConfig,
    service: &Service,
) {
    let registry = Registry::of(kafka);
    let views: Vec<&HostedView> = views.into_iter().collect();
    for &&view in &views {
        let part = part(&view, &views);
        service.health.expect(&part);
        let health = service.health.clone();
        let with = Following {
            kafka: kafka.clone(),
            registry: registry.clone(),
            pool: postgres.follower_pool(service.name),
            report: {
                let part = part.clone();
                Box::new(move |state| health.set(&part, state))
            },
            shutdown: service.shutdown.clone(),
        };
        service.spawn(part, async move { Ok(view.run(with).await?) });
    }
}

/// Returns the name of a view as a part of a process. Older versions have theirs in it.
fn part(view: &HostedView, views: &[&HostedView]) -> Cow<'static, str> {
    let mut others = views.iter().filter(|other| other.name == view.name);
    if others.any(|other| other.version > view.version) {
        format!("{} v{}", view.name, view.version).into()
    } else {
        view.name.into()
    }
}
