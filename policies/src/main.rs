//! The process `policies`: sends the commands that follow from the store's facts.
//!
//! The policies are the modules of this crate, and the machinery is in `factline-policy`.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_policy::process::main(policies::all())
}
