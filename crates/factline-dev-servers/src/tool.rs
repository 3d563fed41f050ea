//! The command line of a project's tool: starts, shows and stops its servers and services.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::services::{Addresses, Project};
use crate::{clients, down, logs, status, up, warm_up};

const EXAMPLES: &str = "Examples:
  ./dev up             start what does not run yet, and wait until all is ready
  ./dev up --servers   only Kafka, the registry and PostgreSQL
  ./dev status         running processes, and why others are not ready
  ./dev logs kafka -f  follow one log
  ./dev psql           a session in the database
  ./dev kafka topics --list";

const PSQL: &str = "Arguments go to psql, and may choose another role or database.

Examples:
  ./dev psql
  ./dev psql -c 'select view, partition, next_offset from factline.checkpoint'
  ./dev psql --username factline_reader";

const KAFKA: &str = "Examples:
  ./dev kafka topics --list
  ./dev kafka console-consumer --topic ordering.order.events --from-beginning --max-messages 3
  ./dev kafka consumer-groups --describe --all-groups
  ./dev kafka transactions list
  ./dev kafka topics --help";

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
    /// Open psql on the database, if it is installed
    #[command(after_help = PSQL)]
    Psql {
        /// Arguments of psql
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run one of Kafka's own tools on the broker
    #[command(after_help = format!("Tools: {}\n\n{KAFKA}", clients::tools()))]
    Kafka {
        /// The tool and its arguments
        #[arg(value_names = ["TOOL", "ARGUMENTS"], required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
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
        Action::Psql { arguments } => clients::psql(addresses, arguments)?,
        Action::Kafka { words } => clients::kafka(addresses, words)?,
    }
    Ok(true)
}
