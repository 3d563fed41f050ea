//! The tool `factline` with the aggregates and views of the store; see `factline-cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_cli::main(command_handlers::aggregates(), projectors::views::ALL)
}
