//! The process `gateway`; see `factline-gateway`.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_gateway::main()
}
