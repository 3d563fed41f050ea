//! The payment simulator: see the library beside it.

use std::process::ExitCode;

use payment_simulator::{Config, run};

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("payment-simulator", |config| &config.service, run)
}
