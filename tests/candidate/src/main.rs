//! The tool of the candidate.

use std::process::ExitCode;

use factline_handler::HostedAggregate;
use ordering::Order;

fn main() -> ExitCode {
    factline_cli::main(vec![HostedAggregate::of::<Order>()], &candidate::VIEWS)
}
