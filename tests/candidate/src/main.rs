//! The tool of the candidate.

use std::process::ExitCode;

use candidate::rules::CandidateOrder;
use factline_handler::HostedAggregate;

fn main() -> ExitCode {
    let aggregates = vec![HostedAggregate::of::<CandidateOrder>()];
    factline_cli::main(aggregates, &candidate::VIEWS)
}
