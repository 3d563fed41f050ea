//! The tool behind `./dev`: starts, shows and stops the servers and the services of the store.

use std::process::ExitCode;

use dev_servers::services::STORE;

fn main() -> ExitCode {
    factline_dev_servers::main(&STORE)
}
