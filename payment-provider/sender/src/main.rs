//! The payment sender: see the library beside it.

use std::process::ExitCode;

use payment_sender::{Config, run};

fn main() -> ExitCode {
    factline_service::main::<Config, _, _>("payment-sender", |config| &config.service, run)
}
