//! The process `operations-tracker`; see the library of the same name.

use std::process::ExitCode;

use operations_tracker::service::{Config, run};

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("operations-tracker", |config| &config.service, run)
}
