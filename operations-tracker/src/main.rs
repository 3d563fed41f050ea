//! The process `operations-tracker`: the tracker of `factline-tracker` with the contracts of the
//! store.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_tracker::main(contracts::ALL)
}
