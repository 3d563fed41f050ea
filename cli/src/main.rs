//! The tool `factline` with the aggregates of the store; see `factline-cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_cli::main(command_handlers::aggregates())
}
