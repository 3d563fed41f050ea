//! The tool `factline` without the aggregates of an application: skeletons, and everything that
//! needs no rules.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_cli::main(Vec::new(), &[])
}
