//! The tool `factline`: shows what happened and repairs what failed.
//!
//! A command is a module with its options and its `run`, and a variant of [`Command`]. The tool
//! writes what services must not write: marks on dead letters, redriven commands and the
//! configuration of topics. It never writes what only services may write: events and rows.

mod arguments;
mod completions;
mod contexts;
mod dead_letters;
mod events;
mod history;
mod new_context;
mod operation;
mod output;
mod progress;
mod render;
mod state;
mod topics;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

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
    New(new_context::Options),
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

#[tokio::main]
async fn main() -> ExitCode {
    let parsed = Cli::from_arg_matches(&cli().get_matches());
    let Cli { output, command } = parsed.unwrap_or_else(|error| error.exit());
    let done = match command {
        Command::Events(options) => events::run(options, &output).await,
        Command::History(options) => history::run(options, &output).await,
        Command::State(options) => state::run(options, &output).await,
        Command::Operation(options) => operation::run(options, &output).await,
        Command::Topics(options) => topics::run(options, &output).await,
        Command::DeadLetters(options) => dead_letters::run(options, &output).await,
        Command::New(options) => new_context::run(&options),
        Command::Completions(options) => completions::run(&options),
    };
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
