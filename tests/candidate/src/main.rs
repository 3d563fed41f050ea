//! The tool of the candidate.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_cli::main(Vec::new(), &candidate::VIEWS)
}
