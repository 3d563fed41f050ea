//! The operations tracker: see the library beside it.

use std::process::ExitCode;

use operations_tracker::service::{Config, run};

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("operations-tracker", |config| &config.service, run)
}
