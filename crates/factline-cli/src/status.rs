//! `factline status`.

mod gauges;
mod kafka;
mod screen;
mod services;
mod views;

use anyhow::{Result, bail};
use clap::Args;
use factline_kafka::KafkaConfig;
use serde::Serialize;

use self::kafka::Cluster;
use self::services::ServiceStatus;
use self::views::{FollowerStatus, Followers};
use crate::aggregates::Aggregates;
use crate::output::Output;
use crate::progress::during;
use crate::servers::Server;

/// Shows the whole system: processes, lag, halted partitions, parked keys, dead letters
#[derive(Debug, Args)]
#[command(
    after_help = "A part that is unavailable is named, the others are shown, and the code is 1.\n\nExamples:\n  \
                  factline status\n  \
                  factline status --database-url postgres://factline_projector@127.0.0.1:15432/factline\n  \
                  factline status --service http://127.0.0.1:8102,http://127.0.0.1:8104 --partitions\n  \
                  factline status --json | jq '.kafka.aggregates[] | {aggregate, lag_seconds}'"
)]
pub(crate) struct Options {
    /// PostgreSQL as <postgres://user@host:port/database>, for the lag of views; the role must be
    /// able to read the checkpoints. May be given several times, with the role of each process
    #[arg(
        long = "database-url",
        value_name = "URL",
        env = "FACTLINE_DATABASE_URL",
        hide_env_values = true
    )]
    database_urls: Vec<String>,
    /// Address of a service, for its readiness, halted partitions and recoveries; if it has
    /// `FACTLINE_ADMIN_LISTEN`, that address. Joined by commas, or given several times
    #[arg(
        long = "service",
        value_name = "URL",
        env = "FACTLINE_SERVICES",
        value_delimiter = ','
    )]
    services: Vec<String>,
    /// Show each partition, and not only those that are behind
    #[arg(long)]
    partitions: bool,
}

/// The state of a system, as far as it is known.
#[derive(Debug, Serialize)]
struct Status {
    kafka: Part<Cluster>,
    views: Part<Vec<FollowerStatus>>,
    services: Part<Vec<ServiceStatus>>,
}

/// A part of the state that may be unknown.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Part<T> {
    /// It is known.
    Known(T),
    /// The options do not say where to ask.
    NotAsked { unknown: &'static str },
    /// The server that has it is unavailable.
    Unavailable { unavailable: String },
}

impl<T> Part<T> {
    fn of(result: Result<T>) -> Self {
        match result {
            Ok(known) => Self::Known(known),
            Err(error) => Self::Unavailable {
                unavailable: format!("{error:#}"),
            },
        }
    }

    fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::NotAsked { .. } | Self::Unavailable { .. } => None,
        }
    }
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let status = during("asking", status(&options, aggregates, kafka)).await;
    if output.is_for_programs() {
        output.document(&serde_json::to_value(&status)?)?;
    } else {
        screen::show(&status, options.partitions, *output)?;
    }
    let missing = status.missing();
    if !missing.is_empty() {
        bail!("the status is incomplete: {}", missing.join(", "));
    }
    Ok(())
}

/// Asks all parts at once. The lag of views needs two of them.
async fn status(options: &Options, aggregates: &Aggregates, kafka: &KafkaConfig) -> Status {
    let cluster = async {
        Server::Kafka.check(kafka).await?;
        kafka::cluster(kafka, aggregates).await
    };
    let followers = async {
        let mut followers = Followers::new();
        for url in &options.database_urls {
            followers.extend(views::checkpoints(url, &kafka.topic_prefix).await?);
        }
        Ok(followers)
    };
    let services = services::services(&options.services);
    let (cluster, followers, services) = tokio::join!(cluster, followers, services);
    let views = match followers {
        _ if options.database_urls.is_empty() => Part::NotAsked {
            unknown: "--database-url and FACTLINE_DATABASE_URL are not set",
        },
        Err(error) => Part::of(Err(error)),
        Ok(followers) => Part::of(views::views(kafka, cluster.is_ok(), followers, &services).await),
    };
    let mut status = Status {
        kafka: Part::of(cluster),
        views,
        services: if options.services.is_empty() {
            Part::NotAsked {
                unknown: "--service and FACTLINE_SERVICES are not set",
            }
        } else {
            Part::Known(services)
        },
    };
    status.note_halted();
    status
}

impl Status {
    /// Adds to each aggregate what the metrics of the services say.
    fn note_halted(&mut self) {
        if let (Part::Known(cluster), Part::Known(services)) = (&mut self.kafka, &self.services) {
            for aggregate in &mut cluster.aggregates {
                let topic = ("topic", aggregate.commands.as_str());
                aggregate.halted =
                    services::sum(services, "factline_handler_partitions_blocked", topic);
            }
        }
    }

    /// Returns the parts that were asked and are unavailable.
    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        match &self.kafka {
            Part::Unavailable { .. } => missing.push("kafka".to_owned()),
            Part::Known(cluster) => missing.extend(cluster.missing()),
            Part::NotAsked { .. } => {}
        }
        if matches!(self.views, Part::Unavailable { .. }) {
            missing.push("views".to_owned());
        }
        for service in self.services.known().into_iter().flatten() {
            if service.unavailable.is_some() {
                missing.push(service.url.clone());
            }
        }
        missing
    }
}
