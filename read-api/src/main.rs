//! The process `read-api`: serves the store's views with `factline-read`.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_read::main(read_api::RESOURCES)
}
