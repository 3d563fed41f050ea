//! The tool `factline`: shows what happened and repairs what failed.
//!
//! An application builds it with its own aggregates: its `main` calls [`main()`].
//!
//! A command is a module with its options and its `run`, and a variant of [`Command`]. The tool
//! writes what services must not write: marks on dead letters, redriven commands and the
//! configuration of topics. It never writes what only services may write: events and rows.

mod aggregates;
mod arguments;
mod completions;
mod dead_letters;
mod events;
mod history;
mod new;
mod operation;
mod output;
mod progress;
mod render;
mod state;
mod topics;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use factline_handler::HostedAggregate;

use crate::aggregates::Aggregates;
use crate::output::Output;

/// Shows what happened and repairs what failed
#[derive(Debug, Parser)]
#[command(
    name = "factline",
    version,
    after_help = "Examples:\n  factline events ordering.order --since 1h --follow\n  \
                  factline --format json history 7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11 | jq .data\n  \
                  factline topics plan\n\nEach command has examples of its own: factline events --help"
)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Events(events::Options),
    History(history::Options),
    State(state::Options),
    Operation(operation::Options),
    Topics(topics::Options),
    DeadLetters(dead_letters::Options),
    New(new::Options),
    Completions(completions::Options),
}

/// Returns the command line of the tool.
fn cli() -> clap::Command {
    without_slot(Cli::command())
}

/// Hides the option for the slot. Services have slots in their groups, but the tool joins no group.
/// It accepts the option, which is one of the Kafka options.
fn without_slot(command: clap::Command) -> clap::Command {
    let has_slot = command
        .get_arguments()
        .any(|arg| arg.get_id() == "instance");
    let command = if has_slot {
        command.mut_arg("instance", |arg| arg.hide(true))
    } else {
        command
    };
    command.mut_subcommands(without_slot)
}

/// Runs the tool for these aggregates.
pub fn main(aggregates: Vec<HostedAggregate>) -> ExitCode {
    let parsed = Cli::from_arg_matches(&cli().get_matches());
    let Cli { output, command } = parsed.unwrap_or_else(|error| error.exit());
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime");
    let done = runtime
        .and_then(|runtime| runtime.block_on(run(command, &Aggregates(aggregates), &output)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has closed the pipe, as `head` does.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("factline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, aggregates: &Aggregates, output: &Output) -> anyhow::Result<()> {
    match command {
        Command::Events(options) => events::run(options, output).await,
        Command::History(options) => history::run(options, aggregates, output).await,
        Command::State(options) => state::run(options, aggregates, output).await,
        Command::Operation(options) => operation::run(options, output).await,
        Command::Topics(options) => topics::run(options, aggregates, output).await,
        Command::DeadLetters(options) => dead_letters::run(options, output).await,
        Command::New(options) => new::run(&options),
        Command::Completions(options) => completions::run(&options),
    }
}

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
