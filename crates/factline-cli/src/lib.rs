//! The tool `factline`: shows what happened and repairs what failed.
//!
//! An application builds it with its own aggregates and views: its `main` calls [`main()`].
//!
//! A command is a module with its options and its `run`, and a variant of [`Command`]. The tool
//! writes what services must not write: marks on dead letters, redriven commands, requests to
//! redrive parked keys, rebuilt views, and the configuration of topics. It never writes events. The
//! restore of a backup is the exception: it writes events into empty topics, while no service runs.

mod aggregates;
mod archive;
mod arguments;
mod command_line;
mod completions;
mod copy;
mod database;
mod dead_letters;
mod deadlines;
mod decide;
mod events;
mod export;
mod history;
mod import;
mod json_value;
mod new;
mod operation;
mod output;
mod page;
mod past;
mod progress;
mod rebuild;
mod render;
mod selection;
mod servers;
mod state;
mod status;
mod topics;
mod verify;
mod views;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{FromArgMatches as _, Parser, Subcommand};

use factline_handler::HostedAggregate;
use factline_kafka::KafkaConfig;
use factline_postgres::HostedView;

use crate::aggregates::Aggregates;
use crate::output::Output;
use crate::servers::Server;
use crate::views::Views;

/// Shows what happened and repairs what failed
#[derive(Debug, Parser)]
#[command(
    name = "factline",
    version,
    after_help = "Examples:\n  factline events ordering.order --since 1h --follow\n  \
                  factline --format json history 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11 | jq .data\n  \
                  factline status\n  factline topics plan\n\nEach command has examples of its own: factline events --help"
)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Events(events::Options),
    History(history::Options),
    State(state::Options),
    Operation(operation::Options),
    Status(status::Options),
    Topics(topics::Options),
    Verify(verify::Options),
    Export(export::Options),
    DeadLetters(dead_letters::Options),
    Deadlines(deadlines::Options),
    Decide(decide::Options),
    Rebuild(rebuild::Options),
    Rollback(rebuild::RollbackOptions),
    View(past::ViewOptions),
    Why(past::WhyOptions),
    Backup(archive::backup::Options),
    Restore(archive::restore::Options),
    Copy(copy::Options),
    Import(import::Options),
    New(new::Options),
    Completions(completions::Options),
}

impl Command {
    /// Returns the servers without which the command can do nothing.
    fn servers(&self) -> Vec<Server> {
        match self {
            Self::Events(_)
            | Self::Export(_)
            | Self::History(_)
            | Self::State(_)
            | Self::Deadlines(_)
            | Self::Decide(_)
            | Self::Rebuild(_)
            | Self::Rollback(_)
            | Self::View(_)
            | Self::Why(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Copy(_)
            | Self::Import(_) => {
                vec![Server::Kafka, Server::Registry]
            }
            Self::DeadLetters(options) => options.servers(),
            Self::Topics(_) => vec![Server::Kafka],
            Self::Verify(options) => options.servers(),
            Self::Operation(options) => vec![Server::Store(options.url.clone())],
            // The status shows what is available.
            Self::Status(_) | Self::New(_) | Self::Completions(_) => Vec::new(),
        }
    }
}

/// Runs the tool for these aggregates and views, with the arguments of this process.
pub fn main(aggregates: Vec<HostedAggregate>, views: &[HostedView]) -> ExitCode {
    main_after(&[], aggregates, views)
}

/// Runs the tool as a command of another program. The arguments of this process begin with these
/// words, which are not part of the tool's.
pub fn main_after(
    words: &[&str],
    aggregates: Vec<HostedAggregate>,
    views: &[HostedView],
) -> ExitCode {
    let name = std::env::args_os().take(1);
    let arguments = name.chain(std::env::args_os().skip(1 + words.len()));
    let parsed = Cli::from_arg_matches(&command_line::cli().get_matches_from(arguments));
    let Cli {
        output,
        kafka,
        command,
    } = parsed.unwrap_or_else(|error| error.exit());
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime");
    // Their findings have the code 1.
    let failure = match command {
        Command::Verify(_) | Command::Rebuild(_) | Command::Decide(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    };
    let done = runtime.and_then(|runtime| {
        runtime.block_on(run(
            command,
            &Aggregates(aggregates),
            Views {
                hosted: views,
                words,
            },
            &kafka,
            &output,
        ))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<rebuild::Differs>() || error.is::<decide::Differs>() => {
            ExitCode::FAILURE
        }
        // The reader has closed the pipe, as `head` does.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("factline: {error:#}");
            if error.is::<verify::Found>() {
                ExitCode::FAILURE
            } else {
                failure
            }
        }
    }
}

async fn run(
    command: Command,
    aggregates: &Aggregates,
    views: Views<'_>,
    kafka: &KafkaConfig,
    output: &Output,
) -> anyhow::Result<()> {
    servers::check(&command.servers(), kafka).await?;
    let aggregates = &aggregates.installed(kafka);
    match command {
        Command::Events(options) => events::run(options, kafka, output).await,
        Command::History(options) => history::run(options, aggregates, kafka, output).await,
        Command::State(options) => state::run(options, aggregates, kafka, output).await,
        Command::Operation(options) => operation::run(options, output).await,
        Command::Status(options) => status::run(options, aggregates, kafka, output).await,
        Command::Topics(options) => topics::run(options, aggregates, kafka, output).await,
        Command::Export(options) => export::run(options, kafka, output).await,
        Command::Verify(options) => verify::run(options, aggregates, views, kafka, output).await,
        Command::DeadLetters(options) => {
            dead_letters::run(options, aggregates, kafka, output).await
        }
        Command::Deadlines(options) => deadlines::run(options, aggregates, kafka, output).await,
        Command::Decide(options) => decide::run(options, aggregates, kafka, output).await,
        Command::Rebuild(options) => rebuild::run(options, views, kafka, output).await,
        Command::Rollback(options) => rebuild::roll_back(options, views, kafka, output).await,
        Command::View(options) => past::view(options, views, kafka, output).await,
        Command::Why(options) => past::why(options, views, kafka, output).await,
        Command::Backup(options) => archive::backup::run(options, aggregates, kafka, output).await,
        Command::Restore(options) => {
            archive::restore::run(options, aggregates, kafka, output).await
        }
        Command::Import(options) => import::run(options, aggregates, kafka, output).await,
        Command::Copy(options) => copy::run(options, aggregates, views, kafka, output).await,
        Command::New(options) => new::run(&options),
        Command::Completions(options) => completions::run(&options),
    }
}

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
