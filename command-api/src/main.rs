//! The process `command-api`: the edge of `factline-edge` with the contracts of the store.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_edge::main(contracts::ALL)
}
