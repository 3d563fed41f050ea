//! The tool behind `./dev`: starts, shows and stops the servers and services of a development
//! machine.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use dev_servers::services::Addresses;
use dev_servers::{down, logs, status, up};

const EXAMPLES: &str = "Examples:
  dev-servers up                  start what does not run yet, and wait until all is ready
  dev-servers up --servers        only Kafka, the registry and PostgreSQL
  dev-servers status              running processes, and why others are not ready
  dev-servers logs projectors -f  follow one log";

/// Runs Factline on one machine: Kafka, a schema registry, PostgreSQL and every service.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// Added to every port, so that two checkouts can be up at once
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
        /// A service or server, or a job such as projectors-migrate
        name: String,
        /// Follow the log as it grows
        #[arg(short, long)]
        follow: bool,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Executes the command; returns true if everything is in order.
fn run(arguments: &Arguments) -> Result<bool> {
    let addresses = Addresses {
        port_offset: arguments.port_offset,
    };
    match &arguments.action {
        Action::Up { servers } => up::up(addresses, *servers)?,
        Action::Down => down::down()?,
        Action::Reset => down::reset()?,
        Action::Status => return Ok(status::status(addresses)),
        Action::Warm => dev_servers::warm()?,
        Action::Logs { name, follow } => logs::show(name, *follow)?,
    }
    Ok(true)
}
