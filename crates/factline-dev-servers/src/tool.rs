//! The command line of a project's tool: starts, shows and stops its servers and services.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::services::{Addresses, Project};
use crate::{down, logs, status, up, warm_up};

const EXAMPLES: &str = "Examples:
  ./dev up             start what does not run yet, and wait until all is ready
  ./dev up --servers   only Kafka, the registry and PostgreSQL
  ./dev status         running processes, and why others are not ready
  ./dev logs kafka -f  follow one log";

/// Runs a project on one machine: Kafka, a schema registry, PostgreSQL and every service.
#[derive(Parser)]
#[command(name = "dev", version, after_help = EXAMPLES)]
struct Arguments {
    /// Added to every port, so that two projects can be up at once
    #[arg(long, global = true, env = "FACTLINE_PORT_OFFSET", default_value_t = 0)]
    port_offset: u16,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start servers, run jobs, start services; leave alone what already runs
    Up {
        /// Start the servers only, to run services by hand
        #[arg(long)]
        servers: bool,
    },
    /// Stop what up has started, and nothing else
    Down,
    /// Stop everything and remove its data and logs
    Reset,
    /// Show every process with its pid, port and readiness
    Status,
    /// Prepare archives with which later starts of the servers take half the time
    Warm,
    /// Print the log of a process
    Logs {
        /// A service or server, or a job with its service's name, such as orders-migrate
        name: String,
        /// Follow the log as it grows
        #[arg(short, long)]
        follow: bool,
    },
}

/// Runs the tool of a project. The services are found beside this program: same profile, same
/// target folder.
pub fn main(project: &Project) -> ExitCode {
    match run(project, &Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Executes the command; returns true if everything is in order.
fn run(project: &Project, arguments: &Arguments) -> Result<bool> {
    let addresses = Addresses {
        port_offset: arguments.port_offset,
    };
    match &arguments.action {
        Action::Up { servers } => up::up(project, addresses, *servers)?,
        Action::Down => down::down(project)?,
        Action::Reset => down::reset(project)?,
        Action::Status => return Ok(status::status(project, addresses)),
        Action::Warm => warm_up::warm()?,
        Action::Logs { name, follow } => logs::show(name, *follow)?,
    }
    Ok(true)
}
