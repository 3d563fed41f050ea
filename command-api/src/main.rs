//! The process `command-api`; see the library of the same name.

use std::process::ExitCode;

use command_api::{Config, run};

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("command-api", |config: &Config| &config.service, run)
}
