//! The process `gateway`; see the library of the same name.

use std::process::ExitCode;

use gateway::{Config, run};

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("gateway", |config: &Config| &config.service, run)
}
