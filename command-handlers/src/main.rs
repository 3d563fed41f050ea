//! The process `command-handlers`: decides the store's commands by its rules.
//!
//! The rules are in the crates below this folder, and the machinery is in `factline-handler`.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_handler::process::main(command_handlers::aggregates())
}
